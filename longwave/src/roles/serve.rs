//! `longwave serve`: broker, bridge and feed in one process, on the embedded store or on Cassandra.
//!
//! Starting opens the store first and the listeners last; stopping goes the other way round, so that nothing is acknowledged that
//! has no lane, and cursors are flushed after the last PUBACK.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use longwave_bridge::{Bridge, BridgeParts, BridgeStats, Ownership};
use longwave_broker::stats::BrokerStats;
use longwave_broker::{Broker, BrokerParts};
use longwave_feed::{FeedHub, FeedStats};
use longwave_port::{Alone, Feed, Gate, PushSink};
use longwave_settings::Settings;
use tracing::warn;

use super::process::{self, Desk, Running};
use super::push::Push;
use super::{admission, listeners, parts, plain};
use crate::accounts::LocalAccounts;
use crate::admin::{Health, Operations, Probe};
use crate::backend::Backend;
use crate::bans::StoredBans;
use crate::clock::now_millis;
use crate::metrics::{self, Sources};
use crate::settings::Role;

/// The role.
pub(crate) struct AllInOne {
    broker: Arc<Broker>,
    bridge: Arc<Bridge>,
    feed: Arc<FeedHub>,
    desk: Desk,
}

impl Running for AllInOne {
    const ROLE: Role = Role::Serve;

    async fn start(settings: &Settings, dev: bool, backend: &Backend) -> anyhow::Result<Self> {
        let store = backend.store();
        let broker_stats = Arc::new(BrokerStats::default());
        let accounts = Arc::new(LocalAccounts::new(store.clone()));
        if settings.test_broker.is_some() {
            let users = accounts.list().await?;
            ensure!(
                users.is_empty(),
                "--test-broker: this store has local users; give it another store.path (error 5001)"
            );
        }
        let admit = admission::admission(settings, dev, accounts.clone(), &broker_stats).await?;
        let feed_stats = Arc::new(FeedStats::default());
        let clock = Arc::new(now_millis);
        let plain_topics = plain::are_served(backend);
        let feed_settings = parts::feed(settings, plain_topics);
        let feed = FeedHub::new(store.clone(), feed_settings, clock.clone(), feed_stats.clone(), Arc::new(Alone));
        let feed = Arc::new(feed);
        let push = Push::start(&settings.push, store.clone(), feed.clone()).await?;
        let bridge_stats = Arc::new(BridgeStats::default());
        let bridge = Bridge::start(BridgeParts {
            store: store.clone(),
            bus: feed.clone(),
            admit: admit.clone(),
            clock,
            settings: parts::bridge(settings, dev),
            stats: bridge_stats.clone(),
            ownership: Ownership::Always,
            shared_rates: None,
            push: push.as_ref().map(|push| push.worker.clone() as Arc<dyn PushSink>),
        });
        bridge.ready().await;
        let router = plain::start(settings, dev, backend, bridge.clone(), feed.clone()).await?;
        let plain_stats = router.as_ref().map(|router| router.stats().clone());
        let told = router.as_ref().and_then(|router| plain::tell(settings, router, &broker_stats));
        let (to_gate, to_feed): (Arc<dyn Gate>, Arc<dyn Feed>) = match router {
            Some(router) => (router.clone(), router),
            None => (bridge.clone(), feed.clone()),
        };
        let broker = Broker::new(BrokerParts {
            admit,
            gate: to_gate,
            feed: to_feed,
            limits: parts::limits(settings, plain_topics),
            stats: broker_stats.clone(),
            failed_login_delay: Duration::from_millis(settings.auth.failed_login_delay_millis),
        });

        let health = Health::new(vec![process::store_probe(backend.clone()), lanes_probe(bridge.clone())]);
        let exporter = metrics::exporter(Sources {
            broker: Some(broker_stats),
            bridge: Some(bridge_stats),
            feed: Some(feed_stats),
            push: push.map(|push| (push.stats, push.sender)),
            plain: plain_stats,
            ..Sources::of(backend)
        });
        let mut addresses = listeners::open(&broker, settings)?;
        let bans = Arc::new(StoredBans::new(backend.store()));
        let operations = Operations { backend: backend.clone(), accounts, bans: bans.clone() };
        let mut desk = Desk::open(settings, Arc::new(health), exporter, operations, &mut addresses).await?;
        desk.keep(tokio::spawn(bans.watch(broker.clone())));
        desk.keep(tokio::spawn(process::sweep(backend.clone(), settings.clone())));
        told.into_iter().for_each(|task| desk.keep(task));
        desk.announce(settings, dev, &addresses)?;
        Ok(Self { broker, bridge, feed, desk })
    }

    async fn stop(self, settings: &Settings) {
        self.desk.health.set_stopping();
        listeners::drain(&self.broker, settings).await;
        self.bridge.stop().await;
        if let Err(error) = self.feed.shutdown().await {
            warn!(%error, "cursors not flushed; their messages will be delivered again");
        }
    }
}

fn lanes_probe(bridge: Arc<Bridge>) -> Probe {
    Box::new(move || (!bridge.is_ready()).then(|| "not every shard has an owner".to_owned()))
}
