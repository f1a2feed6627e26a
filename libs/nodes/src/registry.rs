//! The registry of nodes, as one of them sees it. While Redis is away, the nodes last seen count.

use std::sync::Arc;
use std::time::Duration;

use longwave_model::NodeId;
use longwave_persistence::redis::{NodeRecord, NodeRole, Redis};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info};

/// How often a node says that it is there, and looks who else is.
const ANNOUNCE: Duration = Duration::from_secs(1);

/// Who is there.
#[derive(Debug)]
pub struct Registry {
    redis: Redis,
    own: NodeRecord,
    nodes: watch::Sender<Vec<NodeRecord>>,
}

impl Registry {
    /// Starts announcing a node and looking for others, for ever.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(redis: Redis, own: NodeRecord) -> Arc<Self> {
        let registry = Arc::new(Self { redis, own, nodes: watch::Sender::default() });
        tokio::spawn(run(Arc::downgrade(&registry)));
        registry
    }

    /// The nodes, and whenever they change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Vec<NodeRecord>> {
        self.nodes.subscribe()
    }

    /// The brokers.
    pub(crate) fn brokers(&self) -> Vec<NodeId> {
        let nodes = self.nodes.borrow();
        nodes.iter().filter(|node| node.role == NodeRole::Broker).map(|node| node.id.clone()).collect()
    }

    /// Says that this node goes.
    pub async fn withdraw(&self) {
        if let Err(error) = self.redis.withdraw(&self.own.id).await {
            debug!(%error, "the node is not withdrawn; its record expires");
        }
    }

    async fn round(&self) {
        if let Err(error) = self.redis.announce(&self.own).await {
            debug!(%error, "the node is not announced");
            return;
        }
        let Ok(mut nodes) = self.redis.nodes().await else { return };
        nodes.sort_by(|one, other| one.id.cmp(&other.id));
        self.nodes.send_if_modified(|before| {
            let is_new = *before != nodes;
            if is_new {
                info!(nodes = nodes.len(), "nodes have come or gone");
                *before = nodes;
            }
            is_new
        });
    }
}

async fn run(registry: std::sync::Weak<Registry>) {
    let mut rounds = interval(ANNOUNCE);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let Some(registry) = registry.upgrade() else { return };
        registry.round().await;
    }
}
