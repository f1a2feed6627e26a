//! `longwave bridge`: owns shards and does what brokers hand over. It has no listener for clients; it connects to every broker it finds.
//!
//! Stopping first tells the brokers, which choose other bridges; when nothing more comes, the lanes end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use longwave_bridge::{Bridge, BridgeParts, BridgeStats, Ownership};
use longwave_broker::stats::BrokerStats;
use longwave_link::{Client, ClientSettings, Served};
use longwave_model::ShardId;
use longwave_nodes::{RedisBus, RedisPush, RedisRates, Registry};
use longwave_persistence::redis::{NodeRecord, NodeRole};
use longwave_port::{Completion, Gate, Publish, PushSink};
use longwave_settings::Settings;
use longwave_telemetry::Kind;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::process::{self, Desk, Running};
use super::{admission, nodes, parts};
use crate::accounts::LocalAccounts;
use crate::admin::{Health, Operations, Probe};
use crate::backend::Backend;
use crate::banner::Addresses;
use crate::bans::StoredBans;
use crate::clock::now_millis;
use crate::metrics::{self, Sources};
use crate::settings::Role;

/// Longest wait for what brokers have handed over.
const LEAVE_LIMIT: Duration = Duration::from_secs(10);
/// Nothing came for so long: the brokers have all heard.
const QUIET: Duration = Duration::from_secs(1);

/// The role.
pub(crate) struct BridgeNode {
    bridge: Arc<Bridge>,
    stats: Arc<BridgeStats>,
    leaving: watch::Sender<bool>,
    brokers: Arc<Brokers>,
    registry: Arc<Registry>,
    desk: Desk,
}

impl Running for BridgeNode {
    const ROLE: Role = Role::Bridge;

    async fn start(settings: &Settings, dev: bool, backend: &Backend) -> anyhow::Result<Self> {
        let store = backend.store();
        // New at each start: brokers must not take this process for the one before it.
        let node = nodes::fresh_node_id(settings)?;
        let redis = nodes::redis(settings).await?;
        let accounts = Arc::new(LocalAccounts::new(store.clone()));
        let admit = admission::admission(settings, dev, accounts.clone(), &Arc::new(BrokerStats::default())).await?;
        let stats = Arc::new(BridgeStats::default());
        let hand_over =
            settings.push.is_on().then(|| RedisPush::start(redis.clone(), store.shards()) as Arc<dyn PushSink>);
        let bridge = Bridge::start(BridgeParts {
            store,
            bus: RedisBus::start(redis.clone(), None),
            admit,
            clock: Arc::new(now_millis),
            settings: parts::bridge(settings, dev),
            stats: stats.clone(),
            ownership: Ownership::OnDemand,
            shared_rates: Some(Arc::new(RedisRates::new(redis.clone()))),
            push: hand_over,
        });
        let registry = Registry::start(
            redis.clone(),
            NodeRecord {
                id: node.clone(),
                role: NodeRole::Bridge,
                address: None,
                started: now_millis(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
        );
        let leaving = watch::Sender::new(false);
        let client = ClientSettings {
            name: node.as_str().to_owned(),
            secret: nodes::secret(settings)?,
            tls: nodes::link_tls(settings)?,
        };
        let brokers = Arc::new(Brokers {
            fixed: nodes::addresses(&settings.link.brokers, "link.brokers")?,
            client,
            served: Arc::new(ServedBridge(bridge.clone())),
            leaving: leaving.subscribe(),
            connections: Mutex::default(),
        });
        let probes = vec![
            process::store_probe(backend.clone()),
            nodes::redis_probe(redis.clone()),
            brokers_probe(brokers.clone()),
        ];
        let mut exporter = metrics::exporter(Sources {
            bridge: Some(stats.clone()),
            redis: Some(redis.clone()),
            ..Sources::of(backend)
        });
        let counted = brokers.clone();
        let connected = move || counted.connected().0 as f64;
        exporter.number("longwave_brokers_connected", "Brokers connected", Kind::Gauge, connected);
        let mut addresses = Addresses::default();
        let bans = Arc::new(StoredBans::new(backend.store()));
        let operations = Operations { backend: backend.clone(), accounts, bans };
        let mut desk =
            Desk::open(settings, Arc::new(Health::new(probes)), exporter, operations, &mut addresses).await?;
        desk.keep(tokio::spawn(follow(brokers.clone(), registry.watch())));
        desk.keep(tokio::spawn(process::sweep(backend.clone(), settings.clone())));
        desk.keep(tokio::spawn(nodes::ping(redis)));
        desk.announce(settings, false, &addresses)?;
        Ok(Self { bridge, stats, leaving, brokers, registry, desk })
    }

    async fn stop(self, _: &Settings) {
        self.desk.health.set_stopping();
        self.leaving.send_replace(true);
        self.registry.withdraw().await;
        let deadline = Instant::now() + LEAVE_LIMIT;
        let mut quiet = Instant::now();
        while quiet.elapsed() < QUIET && Instant::now() < deadline {
            if self.stats.queued.load(Relaxed) > 0 {
                quiet = Instant::now();
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.bridge.stop().await;
        self.brokers.connections.lock().clear();
    }
}

/// The bridge as the link sees it.
struct ServedBridge(Arc<Bridge>);

impl Gate for ServedBridge {
    fn publish(&self, publish: Publish, completion: Completion) {
        self.0.publish(publish, completion);
    }
}

impl Served for ServedBridge {
    fn own(&self, shards: &[ShardId]) {
        self.0.own(shards.iter().copied());
    }
}

/// Connections to brokers, by address.
struct Brokers {
    fixed: Vec<(String, u16)>,
    client: ClientSettings,
    served: Arc<dyn Served>,
    leaving: watch::Receiver<bool>,
    connections: Mutex<BTreeMap<(String, u16), Client>>,
}

impl Brokers {
    /// How many are connected, and how many known.
    fn connected(&self) -> (usize, usize) {
        let connections = self.connections.lock();
        (connections.values().filter(|client| client.is_connected()).count(), connections.len())
    }

    /// Why one of them is not connected.
    fn failure(&self) -> Option<String> {
        let connections = self.connections.lock();
        connections.iter().find_map(|((host, port), client)| {
            client.failure().map(|error| format!(" ({host}:{port}: {error}; error {})", error.code().number()))
        })
    }

    /// Connects to those that are new and lets go of those that are gone.
    fn set(&self, found: &[NodeRecord]) {
        let mut wanted = self.fixed.clone();
        for node in found.iter().filter(|node| node.role == NodeRole::Broker) {
            match node.address.as_deref().map(|address| nodes::addresses(address, "a broker's address")) {
                Some(Ok(addresses)) => wanted.extend(addresses),
                Some(Err(error)) => warn!(%error, node = %node.id, "a broker cannot be reached"),
                None => {}
            }
        }
        let mut connections = self.connections.lock();
        connections.retain(|address, _| wanted.contains(address));
        for address in wanted {
            connections.entry(address).or_insert_with_key(|address| {
                info!(host = %address.0, port = address.1, "connecting to a broker");
                Client::start(address.clone(), self.client.clone(), self.served.clone(), self.leaving.clone())
            });
        }
    }
}

async fn follow(brokers: Arc<Brokers>, mut nodes: watch::Receiver<Vec<NodeRecord>>) {
    loop {
        let found = nodes.borrow_and_update().clone();
        brokers.set(&found);
        if nodes.changed().await.is_err() {
            return;
        }
    }
}

fn brokers_probe(brokers: Arc<Brokers>) -> Probe {
    Box::new(move || {
        let (connected, known) = brokers.connected();
        (connected == 0).then(|| {
            let failure = brokers.failure().unwrap_or_default();
            format!("connected to none of {known} known brokers{failure}; nothing is handed over")
        })
    })
}
