//! Starts and stops the servers that are compared.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::topics::TopicScheme;

const START_PATIENCE: Duration = Duration::from_secs(30);
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Mosquitto as it is fastest: nothing on disk, and no queue limit that the loads could meet.
const MOSQUITTO_CONFIG: &str = "\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 1000
max_queued_messages 1000000
set_tcp_nodelay true
log_type error
log_type warning
";

/// A server that can be started any number of times.
#[derive(Debug, Clone)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) topics: TopicScheme,
    /// Program and arguments, with `{port}`, `{port1}`, `{port2}` and `{dir}`.
    command: Vec<String>,
    /// A file `{dir}/server.conf` that is written before each start.
    config: Option<&'static str>,
}

impl Contender {
    pub(super) fn from_command_line(name: &'static str, line: &str, topics: TopicScheme) -> anyhow::Result<Self> {
        let command: Vec<String> = line.split_ascii_whitespace().map(str::to_owned).collect();
        let program = command.first().context("the command line of longwave is empty")?;
        ensure!(
            Path::new(program).exists(),
            "{program} is not there; build it (cargo build --release -p longwave) or give its command line with --longwave"
        );
        Ok(Self { name, topics, command, config: None })
    }

    pub(super) fn mosquitto(program: &Path) -> anyhow::Result<Self> {
        ensure!(
            program.exists(),
            "{} is not there; install it (apt-get install mosquitto) or give its path with --mosquitto",
            program.display()
        );
        let command = [&program.display().to_string(), "-c", "{dir}/server.conf"].map(str::to_owned).to_vec();
        Ok(Self { name: "mosquitto", topics: TopicScheme::Plain, command, config: Some(MOSQUITTO_CONFIG) })
    }

    /// Starts it on an empty directory and waits until it accepts connections.
    pub(super) fn start(&self, work_dir: &Path) -> anyhow::Result<Running> {
        let directory = tempfile::Builder::new().prefix(self.name).tempdir_in(work_dir)?;
        let ports = free_ports()?;
        let fill = |text: &str| {
            let text = text.replace("{dir}", &directory.path().display().to_string());
            let text = text.replace("{port1}", &ports[1].to_string()).replace("{port2}", &ports[2].to_string());
            text.replace("{port}", &ports[0].to_string())
        };
        if let Some(config) = self.config {
            fs::write(directory.path().join("server.conf"), fill(config))?;
        }
        let log_path = directory.path().join("server.log");
        let log = File::create(&log_path)?;
        let arguments: Vec<String> = self.command.iter().map(|argument| fill(argument)).collect();
        let child = Command::new(&arguments[0])
            .args(&arguments[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", arguments[0]))?;
        let mut running = Running { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, ports[0])), directory };
        let start = Instant::now();
        while let Err(error) = TcpStream::connect(running.address) {
            let log = || fs::read_to_string(&log_path).unwrap_or_default();
            if let Some(status) = running.child.try_wait()? {
                bail!("{} ended at once ({status}): {}", self.name, log());
            }
            ensure!(
                start.elapsed() < START_PATIENCE,
                "{} does not listen on {} ({error}): {}",
                self.name,
                running.address,
                log()
            );
            thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }
}

/// A started server; it is stopped by its own pid, also when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pub(super) address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Running {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, waits, and removes its directory.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_none() {
            if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
                kill_process(pid, Signal::TERM)?;
            }
            let start = Instant::now();
            while self.child.try_wait()?.is_none() {
                if start.elapsed() > STOP_PATIENCE {
                    self.child.kill()?;
                    self.child.wait()?;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        match fs::remove_dir_all(self.directory.path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody is left to tell; the next start would fail loudly if this had left something behind.
        let _ = self.end();
    }
}

/// Three ports that nobody listens on just now.
fn free_ports() -> anyhow::Result<[u16; 3]> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners = [bind()?, bind()?, bind()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
