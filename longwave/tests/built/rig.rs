//! A server with a directory of its own, the binary's commands, and tests that cannot run everywhere.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use longwave_testkit::client::{Client, PATIENCE};
use longwave_testkit::server::{Server, ServerPlan};
use longwave_testkit::wire::Hello;
use tempfile::TempDir;

/// The built binary.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_longwave"))
}

/// A running server and its directory, which goes away with it.
pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) directory: TempDir,
}

impl Rig {
    /// In `--dev`, with these settings.
    pub(crate) fn dev(settings: &[&str]) -> Self {
        Self::with(|plan| plan.arguments = set(settings))
    }

    /// Without `--dev`, with these settings.
    pub(crate) fn secure(settings: &[&str]) -> Self {
        Self::with(|plan| {
            plan.dev = false;
            plan.arguments = set(settings);
        })
    }

    /// By a plan of its own.
    pub(crate) fn with(change: impl FnOnce(&mut ServerPlan)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut plan = ServerPlan::new(binary(), directory.path()).unwrap();
        change(&mut plan);
        let server = Server::start(plan).unwrap();
        server.wait_until_ready().unwrap();
        Self { server, directory }
    }

    /// Where MQTT is spoken.
    pub(crate) fn mqtt(&self) -> SocketAddr {
        self.server.plan().mqtt
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.server.plan().data.clone()
    }

    /// A connected durable device.
    pub(crate) fn device(&self, user: &str, device: &str) -> Client {
        Client::connect(self.mqtt(), &Hello::durable(user, device)).unwrap()
    }

    /// A connected durable device that listens to all conversations.
    pub(crate) fn listener(&self, user: &str, device: &str) -> Client {
        let mut client = self.device(user, device);
        client.listen().unwrap();
        client
    }

    /// Kills the server and starts it again.
    pub(crate) fn kill_and_restart(&mut self) {
        self.server.kill().unwrap();
        self.server.restart().unwrap();
        self.server.wait_until_ready().unwrap();
    }
}

/// `--set` for each of these.
pub(crate) fn set(settings: &[&str]) -> Vec<String> {
    settings.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]).collect()
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Both outputs.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// Runs the binary with these arguments until it ends.
pub(crate) fn longwave<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Ended {
    run(Command::new(binary()).args(arguments), "")
}

/// Runs a program until it ends, with this on its standard input.
pub(crate) fn run(command: &mut Command, input: &str) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let (out, err) = (reader(child.stdout.take().unwrap()), reader(child.stderr.take().unwrap()));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{command:?} does not end; it said {}{}", out.join().unwrap(), err.join().unwrap());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    Ended { code: status.code().unwrap_or(-1), out: out.join().unwrap(), err: err.join().unwrap() }
}

fn reader(mut pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Says that a test cannot run here. Under `CI` that is a failure: nothing is skipped in silence.
pub(crate) fn cannot_run(test: &str, reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{test} cannot run, which CI forbids: {reason}");
    // Not by a macro, whose output the test harness keeps to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

/// Prints a figure that a test measured, past the test harness.
pub(crate) fn figure(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Waits for something to become true.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "this did not happen: {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
