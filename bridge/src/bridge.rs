//! Starting and stopping a bridge.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::future::join_all;
use longwave_model::{OwnerId, ShardId};
use longwave_persistence::Store;
use longwave_port::{Admit, Bus, Completion, Gate, Publish, PushSink, SharedRates};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::core::Core;
use crate::intake;
use crate::lane::request::Request;
use crate::lane::{Lane, LaneParts, Ownership};
use crate::marks::write_marks;
use crate::owned::OwnedShards;
use crate::rate::Rates;
use crate::requests::Requests;
use crate::settings::BridgeSettings;
use crate::stats::BridgeStats;

/// How long a stop waits for the store.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Tells Unix time in milliseconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What a bridge is made of.
pub struct BridgeParts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// How members who are online are reached.
    pub bus: Arc<dyn Bus>,
    /// Who checks tokens for `session.renew`.
    pub admit: Arc<dyn Admit>,
    /// The time.
    pub clock: Clock,
    /// Limits and rules.
    pub settings: BridgeSettings,
    /// Where it counts.
    pub stats: Arc<BridgeStats>,
    /// When lanes take their shards.
    pub ownership: Ownership,
    /// Users' rates over all bridges; `None` counts them here alone.
    pub shared_rates: Option<Arc<dyn SharedRates>>,
    /// Who wakes sleeping devices; `None` when nobody does: then every entry is settled as soon as it is applied.
    pub push: Option<Arc<dyn PushSink>>,
}

/// A running bridge.
pub struct Bridge {
    core: Arc<Core>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Bridge {
    /// Starts one lane per shard. Publishes may come at once; they wait until their lane has taken its shard.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(parts: BridgeParts) -> Arc<Self> {
        let BridgeParts { store, bus, admit, clock, settings, stats, ownership, shared_rates, push } = parts;
        let owned = Arc::new(OwnedShards::new(store.shards()));
        let settings = Arc::new(settings);
        let (marks, mark_jobs) = mpsc::unbounded_channel();
        let mut tasks = vec![tokio::spawn(write_marks(store.clone(), bus.clone(), push.clone(), mark_jobs))];
        let lane_parts = Arc::new(LaneParts {
            store: store.clone(),
            bus,
            clock: clock.clone(),
            settings: settings.clone(),
            stats: stats.clone(),
            marks,
            owner: OwnerId(rand::random()),
            ownership,
            owned: owned.clone(),
            push: push.clone(),
        });
        let shards = store.shards();
        let mut lanes = Vec::with_capacity(usize::from(shards));
        for shard in 0..shards {
            let (lane, queue) = mpsc::unbounded_channel();
            tasks.push(tokio::spawn(Lane::new(lane_parts.clone(), ShardId(shard), queue).run()));
            lanes.push(lane);
        }
        info!(lanes = shards, "bridge started");
        let rates = Rates::start(settings.user_rate, shared_rates, clock.clone());
        let runtime = Handle::current();
        let requests = Requests::default();
        let core = Core { store, admit, clock, settings, stats, rates, lanes, owned, runtime, requests, push };
        Arc::new(Self { core: Arc::new(core), tasks: Mutex::new(tasks) })
    }

    /// Takes these shards, if they are not owned; for [`Ownership::OnDemand`].
    pub fn own(&self, shards: impl IntoIterator<Item = ShardId>) {
        for lane in shards.into_iter().filter_map(|shard| self.core.lanes.get(usize::from(shard.0))) {
            // A lane that has ended needs no shard.
            let _ = lane.send(Request::Own);
        }
    }

    /// Whether every lane serves, or would when asked.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.core.stats.serving.load(Relaxed) >= self.core.lanes.len() as u64
    }

    /// Waits until every lane has taken its shard.
    pub async fn ready(&self) {
        while !self.is_ready() {
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Finishes what has come in, stores the watermarks and ends. Later publishes are answered with "unknown", which closes their
    /// connections; so close those first. A store that does not answer within ten seconds is left alone: what waits for it is
    /// answered with "unknown" too.
    pub async fn stop(&self) {
        for lane in &self.core.lanes {
            // A lane that has ended already needs no telling.
            let _ = lane.send(Request::Stop);
        }
        let tasks = std::mem::take(&mut *self.tasks.lock());
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        match timeout(STOP_LIMIT, join_all(tasks)).await {
            Ok(ends) => {
                for error in ends.into_iter().filter_map(Result::err) {
                    error!(%error, "a lane ended badly");
                }
                info!("bridge stopped");
            }
            Err(_) => {
                aborts.iter().for_each(AbortHandle::abort);
                warn!("bridge stopped while the store did not answer");
            }
        }
    }
}

impl Gate for Bridge {
    fn publish(&self, publish: Publish, completion: Completion) {
        intake::publish(&self.core, publish, completion);
    }
}

impl std::fmt::Debug for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridge").field("lanes", &self.core.lanes.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for BridgeParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BridgeParts").field("settings", &self.settings).finish_non_exhaustive()
    }
}
