//! A server that pushes to providers on this machine, and what they got.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use longwave_push::fake::{Authority, FakeApns, FakeFcm, FakeWebPush};
use longwave_push::send::{Clock, Es256Key, Secret};
use longwave_testkit::client::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::rig::{Rig, longwave};

const TOPIC: &str = "org.example.chat";
const TEAM: &str = "TEAM123456";
const KEY_ID: &str = "KEY1234567";

/// The three providers, each with one application named `chat`.
pub(crate) struct Providers {
    pub(crate) apns: FakeApns,
    pub(crate) fcm: FakeFcm,
    pub(crate) web_push: FakeWebPush,
    /// Public half of the key by which push services know the application.
    pub(crate) vapid: String,
    /// A settings file's section `push`.
    pub(crate) settings: String,
    _directory: TempDir,
    _runtime: Runtime,
}

impl Providers {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new().unwrap();
        let (apns, fcm, web_push) = runtime.block_on(async {
            let clock = Clock::system();
            (
                FakeApns::start(&authority, clock.clone()).await.unwrap(),
                FakeFcm::start(&authority, "example", clock.clone()).await.unwrap(),
                FakeWebPush::start(&authority, &[], clock).await.unwrap(),
            )
        });
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let key = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
        let (apple, browsers) = (key(), key());
        let public = |pem: &str| Es256Key::from_pem(&Secret::new(pem)).unwrap().public();
        apns.add_key(TEAM, KEY_ID, &public(&apple));
        apns.add_topic(TOPIC);
        let settings = format!(
            "[push]\nroot_certificates = {root:?}\napns_production = {apns:?}\nfcm_base = {fcm:?}\n\
             web_push_private_addresses = true\ngrace_millis = 1000\nwindow_seconds = 1\n\
             [[push.apns]]\napp = \"chat\"\ntopic = {TOPIC:?}\nteam = {TEAM:?}\nkey_id = {KEY_ID:?}\nkey_file = {apple:?}\n\
             [[push.fcm]]\napp = \"chat\"\nservice_account = {account:?}\n\
             [[push.web_push]]\napp = \"chat\"\nkey_file = {browsers:?}\ncontact = \"mailto:ops@example.org\"\n",
            root = file("root.pem", authority.root_pem()),
            apns = apns.url(),
            fcm = fcm.url(),
            apple = file("apple.p8", &apple),
            account = file("account.json", &fcm.service_account()),
            browsers = file("vapid.pem", &browsers),
        );
        let vapid = public(&browsers);
        Self { apns, fcm, web_push, vapid, settings, _directory: directory, _runtime: runtime }
    }

    /// A server in `--dev` that pushes to them, with these settings beside.
    pub(crate) fn server(&self, settings: &[&str]) -> Rig {
        let more = crate::rig::set(settings);
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
