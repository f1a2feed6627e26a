//! Counters of a broker's side: plain atomics, read when metrics are scraped.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of the link.
#[derive(Debug, Default)]
pub struct LinkStats {
    /// Bridges connected and not given up.
    pub bridges: AtomicU64,
    /// Publishes handed over, each attempt counted.
    pub handed_over: AtomicU64,
    /// Attempts that another followed.
    pub again: AtomicU64,
    /// Publishes that wait for their answer.
    pub waiting: AtomicU64,
    /// Their bytes.
    pub waiting_bytes: AtomicU64,
    /// Publishes given up.
    pub given_up: AtomicU64,
    /// Bridges that were silent for too long or whose connection ended.
    pub lost_bridges: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Relaxed);
}

pub(crate) fn take(counter: &AtomicU64, n: u64) {
    counter.fetch_sub(n, Relaxed);
}
