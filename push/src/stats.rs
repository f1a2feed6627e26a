//! Counters of the deciding side: plain atomics, read when metrics are scraped.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use longwave_persistence::PushState;

/// What the worker counts.
#[derive(Debug, Default)]
pub struct PushStats {
    /// Messages handed over, repeated ones included.
    pub handed: AtomicU64,
    /// Pushes that wait for their turn, one per device and conversation.
    pub waiting: AtomicU64,
    /// Unix time in milliseconds of the oldest message that waits; 0 = none waits.
    pub oldest: AtomicU64,
    /// Turns that were put off, because a provider did not take the push or the store did not answer.
    pub again: AtomicU64,
    /// Turns that ended because the device had acknowledged in time: no push, no record.
    pub acknowledged: AtomicU64,
    /// Notifications taken back because they were read elsewhere.
    pub cleared: AtomicU64,
    ended: [AtomicU64; PushState::ALL.len()],
}

impl PushStats {
    /// Pushes that ended, by state.
    pub fn ended(&self) -> impl Iterator<Item = (PushState, u64)> + '_ {
        PushState::ALL.into_iter().zip(self.ended.iter().map(|count| count.load(Relaxed)))
    }

    pub(crate) fn end(&self, state: PushState) {
        self.ended[state as usize].fetch_add(1, Relaxed);
    }
}
