//! How many messages a second the bridge stores on the embedded store, without a broker: sessions in a closed loop, each with a
//! window of unanswered publishes, one to one.
//!
//! `cargo run --release -p longwave-bridge --example throughput -- [sessions] [window] [seconds] [id|bare] [folder]`

#![allow(clippy::print_stdout, reason = "an example talks on its standard output")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use longwave_bridge::{Bridge, BridgeParts, BridgeSettings, BridgeStats, Ownership, UnknownPeers};
use longwave_model::{DeviceId, Entry, ErrorCode, Refusal, UserId};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_port::{
    Admit, Answer, Answers, Bus, Completion, Credentials, Gate, Guarantee, Identity, MarkSignal, Publish, Recipients,
    Sender, Typing,
};

/// Nobody is online.
struct Silence;

impl Bus for Silence {
    fn entry(&self, _: &Arc<Entry>, _: &Recipients) {}
    fn typing(&self, _: Typing) {}
    fn mark(&self, _: MarkSignal) {}
}

/// Nobody renews.
struct Nobody;

#[async_trait::async_trait]
impl Admit for Nobody {
    async fn admit(&self, _: Credentials) -> Result<Identity, Refusal> {
        Err(Refusal::new(ErrorCode::BadCredentials, "nobody connects here"))
    }
    async fn renew(&self, _: &str) -> Result<Identity, Refusal> {
        Err(Refusal::new(ErrorCode::BadCredentials, "nobody connects here"))
    }
}

struct Load {
    bridge: Arc<Bridge>,
    stored: AtomicU64,
    other: AtomicU64,
    next_id: AtomicU64,
    stopping: AtomicBool,
    with_ids: bool,
}

/// Publishes the next message of a session as soon as one is answered.
struct Session {
    load: Arc<Load>,
    sender: Arc<Sender>,
    topic: Arc<str>,
}

impl Session {
    fn publish(self: &Arc<Self>) {
        const BODY: &str = "0123456789012345678901234567890123456789012345678901234567890123";
        let payload = if self.load.with_ids {
            let id = self.load.next_id.fetch_add(1, Relaxed);
            format!(r#"{{"id":"message-{id:016}","body":"{BODY}"}}"#)
        } else {
            format!(r#"{{"body":"{BODY}"}}"#)
        };
        let publish = Publish {
            sender: self.sender.clone(),
            number: 1,
            route: None,
            topic: self.topic.clone(),
            payload: Bytes::from(payload),
            retain: false,
            guarantee: Guarantee::AtLeastOnce { packet_id: 1, resend_of: None },
            properties: None,
            wants_notice: false,
        };
        self.load.bridge.publish(publish, Completion::new(Arc::new(Handle(self.clone())), 0));
    }
}

struct Handle(Arc<Session>);

impl Answers for Handle {
    fn answer(&self, _: u64, answer: Answer) {
        let load = &self.0.load;
        let counter = if matches!(answer, Answer::Stored { .. }) { &load.stored } else { &load.other };
        counter.fetch_add(1, Relaxed);
        if !load.stopping.load(Relaxed) {
            self.0.publish();
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (sessions, window, seconds) = (number(1_000), number(10), number(5));
    let with_ids = arguments.next().is_some_and(|kind| kind == "id");
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("longwave-throughput"), PathBuf::from);
    let path = folder.join(std::process::id().to_string());
    let store = Arc::new(Embedded::open(EmbeddedConfig::new(&path))?);
    let stats = Arc::new(BridgeStats::default());
    let bridge = Bridge::start(BridgeParts {
        store: store.clone(),
        bus: Arc::new(Silence),
        admit: Arc::new(Nobody),
        clock: Arc::new(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        }),
        settings: BridgeSettings { unknown_peers: UnknownPeers::Allowed, ..BridgeSettings::default() },
        stats: stats.clone(),
        ownership: Ownership::Always,
        shared_rates: None,
        push: None,
    });
    bridge.ready().await;
    let load = Arc::new(Load {
        bridge: bridge.clone(),
        stored: AtomicU64::new(0),
        other: AtomicU64::new(0),
        next_id: AtomicU64::new(0),
        stopping: AtomicBool::new(false),
        with_ids,
    });
    for n in 0..sessions {
        let sender = Sender {
            user: UserId::parse(&format!("user{n}"))?,
            device: DeviceId::parse("phone")?,
            service: false,
            incarnation: 1,
            connection: 1,
        };
        let topic = format!("u/user{n}/c/@user{}/json", n ^ 1).into();
        let session = Arc::new(Session { load: load.clone(), sender: Arc::new(sender), topic });
        for _ in 0..window {
            session.publish();
        }
    }
    for second in 1..=seconds {
        let (before, begun) = (load.stored.load(Relaxed), Instant::now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let rate = (load.stored.load(Relaxed) - before) as f64 / begun.elapsed().as_secs_f64();
        println!("second {second}: {rate:.0} stored/s");
    }
    load.stopping.store(true, Relaxed);
    bridge.stop().await;
    let (entries, appends) = (stats.entries.load(Relaxed), stats.appends.load(Relaxed).max(1));
    println!(
        "{entries} entries in {appends} appends ({:.1} each), {} not stored, {} looked up",
        entries as f64 / appends as f64,
        load.other.load(Relaxed),
        stats.dedup_reads.load(Relaxed),
    );
    drop((load, bridge, store));
    std::fs::remove_dir_all(path)?;
    Ok(())
}
