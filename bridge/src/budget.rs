//! The byte budget of everything that waits for an answer.
//!
//! Senders are slowed down first: a connection stops being read when its Receive Maximum of publishes is unanswered. The budget
//! is the second line, for many connections with large publishes at once, and the only place that refuses for load.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use longwave_model::{ErrorCode, Refusal};

use crate::stats::BridgeStats;

/// What a waiting publish costs beside its payload.
const OVERHEAD: u64 = 256;

/// Bytes held until dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    stats: Arc<BridgeStats>,
    bytes: u64,
}

impl Charge {
    /// Takes a publish's share of the budget.
    pub(crate) fn take(stats: &Arc<BridgeStats>, payload: usize, budget: usize) -> Result<Self, Refusal> {
        let bytes = payload as u64 + OVERHEAD;
        let before = stats.queued_bytes.fetch_add(bytes, Relaxed);
        stats.queued.fetch_add(1, Relaxed);
        let charge = Self { stats: stats.clone(), bytes };
        if before.saturating_add(bytes) > budget as u64 {
            return Err(Refusal::new(ErrorCode::Overloaded, "too many publishes wait for the store; send again later"));
        }
        Ok(charge)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.stats.queued_bytes.fetch_sub(self.bytes, Relaxed);
        self.stats.queued.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_or_answered_holds_nothing() {
        let stats = Arc::new(BridgeStats::default());
        let held = Charge::take(&stats, 1_000, 2_000).unwrap();
        let refusal = Charge::take(&stats, 1_000, 2_000).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::Overloaded);
        assert_eq!(stats.queued.load(Relaxed), 1);
        drop(held);
        assert_eq!(stats.queued_bytes.load(Relaxed), 0);
        assert!(Charge::take(&stats, 1_000, 2_000).is_ok());
    }
}
