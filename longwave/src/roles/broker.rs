//! `longwave broker`: connections, sessions and feeds; what is published goes to bridges, which connect to the internal listener.
//!
//! Stopping goes from the outside in: no new clients, then those that are there, then the bridges, whose answers the last clients waited for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longwave_broker::listen::tls::TlsProfile;
use longwave_broker::listen::{ListenerConfig, Proxies, Transport, listen};
use longwave_broker::stats::BrokerStats;
use longwave_broker::{Broker, BrokerParts};
use longwave_feed::{FeedHub, FeedStats};
use longwave_link::{Internal, Link, LinkSettings, LinkStats};
use longwave_model::{ConversationId, DeviceId, ErrorCode, NodeId, Refusal, UserId};
use longwave_nodes::{Local, Neighbours, Registry, receive, refresh};
use longwave_persistence::redis::{NodeRecord, NodeRole};
use longwave_port::Bus;
use longwave_settings::Settings;
use tracing::warn;

use super::process::{self, Desk, Running};
use super::{admission, listeners, nodes, parts};
use crate::accounts::LocalAccounts;
use crate::admin::{Health, Operations};
use crate::backend::Backend;
use crate::bans::StoredBans;
use crate::clock::now_millis;
use crate::metrics::{self, Sources};
use crate::settings::Role;

/// Publishes that have no answer for so long are given up, in multiples of the time after which their connection is closed.
const GIVE_UP: u64 = 3;

/// The role.
pub(crate) struct BrokerNode {
    broker: Arc<Broker>,
    internal: Arc<Broker>,
    feed: Arc<FeedHub>,
    registry: Arc<Registry>,
    desk: Desk,
}

impl Running for BrokerNode {
    const ROLE: Role = Role::Broker;

    async fn start(settings: &Settings, dev: bool, backend: &Backend) -> anyhow::Result<Self> {
        let store = backend.store();
        let node = nodes::node_id(settings)?;
        let redis = nodes::redis(settings).await?;
        let broker_stats = Arc::new(BrokerStats::default());
        let accounts = Arc::new(LocalAccounts::new(store.clone()));
        let admit = admission::admission(settings, dev, accounts.clone(), &broker_stats).await?;
        let neighbours = Neighbours::start(redis.clone(), node.clone());
        let feed_stats = Arc::new(FeedStats::default());
        let clock = Arc::new(now_millis);
        let feed =
            FeedHub::new(store.clone(), parts::feed(settings, false), clock, feed_stats.clone(), neighbours.clone());
        let feed = Arc::new(feed);

        let link_stats = Arc::new(LinkStats::default());
        let link_settings = LinkSettings {
            node: node.as_str().to_owned(),
            shards: store.shards(),
            secret: nodes::secret(settings)?,
            queue_bytes: settings.link.queue_bytes,
            give_up: Duration::from_secs(settings.limits.answer_seconds.saturating_mul(GIVE_UP)),
        };
        let (link, bridges) = Link::start(link_settings, link_stats.clone());
        let (internal, internal_address) = internal_listener(settings, bridges)?;
        let broker = Broker::new(BrokerParts {
            admit,
            gate: link.clone(),
            feed: feed.clone(),
            limits: parts::limits(settings, false),
            stats: broker_stats.clone(),
            failed_login_delay: Duration::from_millis(settings.auth.failed_login_delay_millis),
        });

        let registry = Registry::start(redis.clone(), record(settings, &node, internal_address));
        let local: Arc<dyn Local> = Arc::new(Here { feed: feed.clone(), broker: broker.clone() });
        let probes = vec![
            process::store_probe(backend.clone()),
            nodes::redis_probe(redis.clone()),
            Box::new(move || link.unavailable()),
        ];
        let exporter = metrics::exporter(Sources {
            broker: Some(broker_stats),
            internal: Some(internal.stats().clone()),
            feed: Some(feed_stats),
            link: Some(link_stats),
            redis: Some(redis.clone()),
            ..Sources::of(backend)
        });
        let mut addresses = listeners::open(&broker, settings)?;
        let bridges = if settings.link.certificate.is_some() { "Bridges, TLS" } else { "Bridges" };
        addresses.listeners.push((bridges, internal_address.to_string()));
        let bans = Arc::new(StoredBans::new(backend.store()));
        let operations = Operations { backend: backend.clone(), accounts, bans: bans.clone() };
        let mut desk =
            Desk::open(settings, Arc::new(Health::new(probes)), exporter, operations, &mut addresses).await?;
        desk.keep(tokio::spawn(receive(redis.clone(), node, local.clone())));
        desk.keep(tokio::spawn(refresh(neighbours, registry.clone(), local)));
        desk.keep(tokio::spawn(nodes::ping(redis)));
        desk.keep(tokio::spawn(bans.watch(broker.clone())));
        desk.announce(settings, dev, &addresses)?;
        Ok(Self { broker, internal, feed, registry, desk })
    }

    async fn stop(self, settings: &Settings) {
        self.desk.health.set_stopping();
        listeners::drain(&self.broker, settings).await;
        self.registry.withdraw().await;
        listeners::close(&self.internal, settings, u32::MAX).await;
        if let Err(error) = self.feed.shutdown().await {
            warn!(%error, "cursors not flushed; their messages will be delivered again");
        }
    }
}

/// Opens the listener for bridges: a broker of its own, whose clients they are.
pub(super) fn internal_listener(
    settings: &Settings,
    bridges: Arc<Internal>,
) -> anyhow::Result<(Arc<Broker>, std::net::SocketAddr)> {
    let internal = Broker::new(BrokerParts {
        admit: bridges.clone(),
        gate: bridges.clone(),
        feed: bridges,
        limits: parts::internal_limits(settings),
        stats: Arc::new(BrokerStats::default()),
        failed_login_delay: Duration::from_millis(settings.auth.failed_login_delay_millis),
    });
    let link = &settings.link;
    let profile = TlsProfile::default();
    let tls = listeners::certificate(&internal, link.certificate.as_deref(), link.key.as_deref(), profile, "link")?;
    let config = ListenerConfig {
        address: link.listen,
        transport: if tls.is_some() { Transport::Tls } else { Transport::Tcp },
        websocket_path: String::new(),
        websocket_origins: Vec::new(),
        tls,
        proxies: Proxies::default(),
    };
    let listening = listen(&internal, config)
        .map_err(|error| anyhow::anyhow!("link.listen: {error} (error {})", error.code().number()))?;
    Ok((internal, listening.local_addr))
}

fn record(settings: &Settings, node: &NodeId, listening: std::net::SocketAddr) -> NodeRecord {
    let address = match settings.link.advertise.as_str() {
        "" => listening.to_string(),
        advertised => advertised.to_owned(),
    };
    NodeRecord {
        id: node.clone(),
        role: NodeRole::Broker,
        address: Some(address),
        started: now_millis(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// What this process does with what it hears of others.
struct Here {
    feed: Arc<FeedHub>,
    broker: Arc<Broker>,
}

#[async_trait]
impl Local for Here {
    fn bus(&self) -> &dyn Bus {
        &*self.feed
    }

    fn close_moved(&self, user: &UserId, device: &DeviceId) {
        let refusal = Refusal::new(ErrorCode::SessionTakenOver, "the device has connected to another node");
        self.broker.close_device(user, device, refusal);
    }

    fn presence_changed(&self, user: &UserId) {
        self.feed.presence_changed(user);
    }

    fn tell_presence_again(&self) {
        self.feed.tell_presence_again();
    }

    async fn compare_all(&self) {
        self.feed.compare_all().await;
    }

    async fn compare(&self, user: &UserId, device: &DeviceId) {
        self.feed.compare(user, device).await;
    }

    fn sessions(&self, part: usize) -> Option<Vec<(UserId, DeviceId)>> {
        (part < FeedHub::PARTS).then(|| self.feed.sessions(part))
    }

    fn watched(&self) -> Vec<(UserId, DeviceId)> {
        self.feed.watched()
    }

    fn channels(&self) -> Vec<ConversationId> {
        self.feed.channels()
    }
}
