//! The feed of one process: opens sessions for the broker, takes live entries from the bridge, and runs the shared timers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use longwave_model::{ConversationId, DeviceId, UserId};
use longwave_persistence::{Store, StoreError};
use longwave_port::{Connected, Elsewhere};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::presence::Presence;
use crate::registry::{Registry, SHARDS};
use crate::session::Session;
use crate::settings::{Clock, FeedSettings};
use crate::stats::FeedStats;
use crate::{compare, cursors, presence};

/// The feed of one process. Dropping it ends its timers; sessions that are still open keep what they need.
pub struct FeedHub {
    pub(crate) hub: Arc<Hub>,
    timers: Vec<JoinHandle<()>>,
}

/// What all sessions share.
pub(crate) struct Hub {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: FeedSettings,
    clock: Clock,
    pub(crate) stats: Arc<FeedStats>,
    pub(crate) runtime: Handle,
    pub(crate) registry: Registry,
    /// Sessions with cursors to write.
    pub(crate) dirty: Mutex<Vec<Arc<Session>>>,
    pub(crate) pages: Semaphore,
    /// The highest connection number given out by this process.
    connections: AtomicU64,
    pub(crate) presence: Presence,
    pub(crate) elsewhere: Arc<dyn Elsewhere>,
}

impl FeedHub {
    /// Starts the feed and its timers. Must be called within a tokio runtime, which runs its tasks.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        settings: FeedSettings,
        clock: Clock,
        stats: Arc<FeedStats>,
        elsewhere: Arc<dyn Elsewhere>,
    ) -> Self {
        let hub = Arc::new(Hub {
            store,
            pages: Semaphore::new(settings.concurrent_pages.max(1)),
            settings,
            clock,
            stats,
            runtime: Handle::current(),
            registry: Registry::new(),
            dirty: Mutex::default(),
            connections: AtomicU64::new(0),
            presence: Presence::default(),
            elsewhere,
        });
        let timers = vec![
            hub.runtime.spawn(cursors::run(hub.clone())),
            hub.runtime.spawn(compare::run(hub.clone())),
            hub.runtime.spawn(presence::run(hub.clone())),
        ];
        Self { hub, timers }
    }

    /// What it counts.
    #[must_use]
    pub fn stats(&self) -> &Arc<FeedStats> {
        &self.hub.stats
    }

    /// Compares all sessions at once: after wake-ups may have been lost.
    pub async fn compare_all(&self) {
        compare::compare_all(&self.hub).await;
    }

    /// The sessions that are open, in [`FeedHub::PARTS`] parts.
    #[must_use]
    pub fn sessions(&self, part: usize) -> Vec<(UserId, DeviceId)> {
        let sessions = self.hub.registry.in_shard(part);
        sessions.iter().map(|session| (session.user().clone(), session.device().clone())).collect()
    }

    /// Parts of [`FeedHub::sessions`].
    pub const PARTS: usize = SHARDS;

    /// Users that services here watch, each with the service's device.
    #[must_use]
    pub fn watched(&self) -> Vec<(UserId, DeviceId)> {
        self.hub.registry.all_watched()
    }

    /// Channels in which sessions here are interested.
    #[must_use]
    pub fn channels(&self) -> Vec<ConversationId> {
        self.hub.registry.all_channels()
    }

    /// Compares the sessions of a device: wake-ups for them may have been lost.
    pub async fn compare(&self, user: &UserId, device: &DeviceId) {
        compare::compare_device(&self.hub, user, device).await;
    }

    /// A user has come or gone on another node.
    pub fn presence_changed(&self, user: &UserId) {
        presence::note(&self.hub, user);
    }

    /// Tells everybody who wants to know of somebody's presence anew: nobody knows who was lost with a node.
    pub fn tell_presence_again(&self) {
        presence::tell_again(&self.hub);
    }

    /// Writes all cursors that rose, as the timer does.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be written; they will be tried again.
    pub async fn flush(&self) -> Result<(), StoreError> {
        cursors::flush_dirty(&self.hub).await
    }

    /// Writes all cursors and stops the timers. Sessions should have been closed before.
    ///
    /// # Errors
    /// [`StoreError`] when the cursors could not be written; what they cover will be delivered again.
    pub async fn shutdown(&self) -> Result<(), StoreError> {
        for timer in &self.timers {
            timer.abort();
        }
        self.flush().await.inspect_err(|error| warn!(%error, "cursors not written"))
    }
}

#[async_trait]
impl Connected for FeedHub {
    async fn is_connected(&self, user: &UserId, device: &DeviceId) -> bool {
        self.hub.registry.of(user).iter().any(|session| session.user() == user && session.device() == device)
    }
}

impl Drop for FeedHub {
    fn drop(&mut self) {
        for timer in &self.timers {
            timer.abort();
        }
    }
}

impl Hub {
    /// Unix time in milliseconds.
    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// max(previous + 1, now), and above all that this process gave out, since a live-only session leaves no row behind.
    pub(crate) fn next_connection(&self, previous: u64, now: u64) -> u64 {
        let least = now.max(previous.saturating_add(1));
        let before = self
            .connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |latest| Some(least.max(latest.saturating_add(1))))
            .unwrap_or_default();
        least.max(before.saturating_add(1))
    }
}
