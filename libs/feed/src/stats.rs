//! What the feed counts, for the metrics endpoint. Plain atomics, read whenever somebody looks.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters; all but `sessions` only grow.
#[derive(Debug, Default)]
pub struct FeedStats {
    /// Open sessions.
    pub sessions: AtomicU64,
    /// Deliveries of entries as they came.
    pub deliveries_live: AtomicU64,
    /// Deliveries of entries read back from the log.
    pub deliveries_backlog: AtomicU64,
    /// Deliveries at QoS 0: marks, typing, presence, and entries to QoS 0 subscriptions.
    pub deliveries_event: AtomicU64,
    /// Messages at QoS 0 dropped because a session had too many waiting.
    pub events_dropped: AtomicU64,
    /// Pages that came from the latest entries of busy conversations, without the store.
    pub pages_recalled: AtomicU64,
    /// Pages read from the log.
    pub pages: AtomicU64,
    /// Reads of the store that failed and were tried again.
    pub read_failures: AtomicU64,
    /// Cursors written.
    pub cursor_raises: AtomicU64,
    /// Delivered marks written.
    pub mark_raises: AtomicU64,
    /// Live entries that a session did not take and will read from the log.
    pub head_only: AtomicU64,
    /// Comparisons of a session with its inbox.
    pub comparisons: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

pub(crate) fn subtract(counter: &AtomicU64, amount: u64) {
    counter.fetch_sub(amount, Ordering::Relaxed);
}
