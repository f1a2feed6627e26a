//! A server that pushes to providers on this machine, and what they got.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use longwave_push::fake::Playground;
use longwave_testkit::client::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::rig::{Rig, longwave};

/// Times that tests can wait for.
const SHORT: [&str; 2] = ["push.grace_millis=1000", "push.window_seconds=1"];

/// The three providers, each with one application named `chat`.
pub(crate) struct Providers {
    playground: Playground,
    _directory: TempDir,
    _runtime: Runtime,
}

impl std::ops::Deref for Providers {
    type Target = Playground;

    fn deref(&self) -> &Playground {
        &self.playground
    }
}

impl Providers {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let playground = runtime.block_on(Playground::start(listen, directory.path(), "chat")).unwrap();
        Self { playground, _directory: directory, _runtime: runtime }
    }

    /// What a server is told beside the settings file.
    pub(crate) fn arguments(settings: &[&str]) -> Vec<String> {
        crate::rig::set(&[&SHORT, settings].concat())
    }

    /// A server in `--dev` that pushes to them, with these settings beside.
    pub(crate) fn server(&self, settings: &[&str]) -> Rig {
        let more = Self::arguments(settings);
        Rig::with(|plan| {
            let file = plan.data.parent().unwrap().join("longwave.toml");
            std::fs::write(&file, &self.settings).unwrap();
            plan.arguments = vec!["--config".to_owned(), file.to_str().unwrap().to_owned()];
            plan.arguments.extend(more);
        })
    }

    /// Pushes that Apple took for a device, oldest first.
    pub(crate) fn alerts(&self, token: &str) -> Vec<Value> {
        let taken = self.apns.received().into_iter().filter(|push| push.answer == Some((200, String::new())));
        taken.filter(|push| push.device == token).map(|push| push.payload).collect()
    }
}

/// A device that has registered with Apple, listens to all, and has gone to sleep.
pub(crate) fn asleep(rig: &Rig, user: &str, device: &str, token: &str) {
    let mut client = rig.listener(user, device);
    register(&mut client, token);
    client.leave().unwrap();
}

pub(crate) fn register(client: &mut Client, token: &str) {
    let params = json!({"provider": "apns", "app": "chat", "token": token});
    client.request("push.register", &params).unwrap();
}

/// What `longwave push show` says of a user, a line per device and conversation.
pub(crate) fn shown(rig: &Rig, user: &str) -> Vec<String> {
    shown_by(&rig.data(), user)
}

/// The same, of the process with this data directory.
pub(crate) fn shown_by(data: &std::path::Path, user: &str) -> Vec<String> {
    let ended = longwave(&["push", "show", "--user", user, "--data-dir", data.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.out.lines().map(str::to_owned).collect()
}

/// A number of the server's metrics; 0 if it is not there.
pub(crate) fn metric(rig: &Rig, name: &str) -> f64 {
    let (_, text) = longwave_testkit::http::get(rig.server.plan().admin, "/metrics").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |number| number.parse().unwrap())
}

/// A client that keeps what it gets, acknowledged, until dropped.
pub(crate) struct Awake {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<usize>>,
}

impl Awake {
    pub(crate) fn start(mut client: Client, messages: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut got = 0;
            while got < messages && !stopped.load(SeqCst) {
                client.event("message").unwrap();
                got += 1;
            }
            // Stays connected until it is told.
            while !stopped.load(SeqCst) {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            got
        });
        Self { stop, thread: Some(thread) }
    }

    /// How many messages it got.
    pub(crate) fn end(mut self) -> usize {
        self.stop.store(true, SeqCst);
        self.thread.take().unwrap().join().unwrap()
    }
}
