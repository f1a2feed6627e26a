//! `longwave push`: takes from bridges what devices may have to be woken for, and sends it. It has no listener for clients.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use longwave_model::{DeviceId, UserId};
use longwave_nodes::{PushWork, Registry};
use longwave_persistence::redis::{NodeRecord, NodeRole, Redis};
use longwave_port::Connected;
use longwave_push::PushWorker;
use longwave_settings::Settings;

use super::nodes;
use super::process::{self, Desk, Running};
use super::push::Push;
use crate::accounts::LocalAccounts;
use crate::admin::{Health, Operations};
use crate::backend::Backend;
use crate::banner::Addresses;
use crate::bans::StoredBans;
use crate::clock::now_millis;
use crate::metrics::{self, Sources};
use crate::settings::Role;

/// The role.
pub(crate) struct PushNode {
    work: PushWork,
    worker: Arc<PushWorker>,
    registry: Arc<Registry>,
    desk: Desk,
}

impl Running for PushNode {
    const ROLE: Role = Role::Push;

    async fn start(settings: &Settings, _: bool, backend: &Backend) -> anyhow::Result<Self> {
        let store = backend.store();
        // New at each start: what the process before it has read is claimed from it.
        let node = nodes::fresh_node_id(settings)?;
        let redis = nodes::redis(settings).await?;
        let connected = Arc::new(Presence(redis.clone()));
        let push = Push::start(&settings.push, store.clone(), connected).await?;
        let Push { worker, sender, stats } = push.context("push: no application is named (error 5001)")?;
        let registry = Registry::start(
            redis.clone(),
            NodeRecord {
                id: node.clone(),
                role: NodeRole::Push,
                address: None,
                started: now_millis(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
        );
        let work = PushWork::start(redis.clone(), node, store.shards(), registry.watch(), worker.clone());
        let probes = vec![process::store_probe(backend.clone()), nodes::redis_probe(redis.clone())];
        let exporter = metrics::exporter(Sources {
            push: Some((stats, sender)),
            redis: Some(redis.clone()),
            ..Sources::of(backend)
        });
        let mut addresses = Addresses::default();
        let operations = Operations {
            backend: backend.clone(),
            accounts: Arc::new(LocalAccounts::new(store.clone())),
            bans: Arc::new(StoredBans::new(store)),
        };
        let mut desk =
            Desk::open(settings, Arc::new(Health::new(probes)), exporter, operations, &mut addresses).await?;
        desk.keep(tokio::spawn(nodes::ping(redis)));
        desk.announce(settings, false, &addresses)?;
        Ok(Self { work, worker, registry, desk })
    }

    async fn stop(self, _: &Settings) {
        self.desk.health.set_stopping();
        self.registry.withdraw().await;
        // First what gives items back: the worker drops those that it has not sent.
        drop(self.work);
        drop(self.worker);
    }
}

/// Who is connected, as brokers say in Redis. Nobody, while it is away.
struct Presence(Redis);

#[async_trait]
impl Connected for Presence {
    async fn is_connected(&self, user: &UserId, device: &DeviceId) -> bool {
        self.0.node_of_device(user, device).await.is_ok_and(|node| node.is_some())
    }
}
