//! Counters of the bridge: plain atomics, read when metrics are scraped.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use longwave_model::ErrorCode;

/// Upper bounds of the classes in which appends are counted by their number of entries.
pub const APPEND_CLASSES: [usize; 7] = [1, 2, 5, 10, 50, 100, 200];

/// Counters of all lanes together.
#[derive(Debug)]
pub struct BridgeStats {
    /// Appends that were stored.
    pub appends: AtomicU64,
    /// Entries stored.
    pub entries: AtomicU64,
    /// Appends stored by number of entries, by [`APPEND_CLASSES`]; larger ones are in the last class.
    pub append_sizes: [AtomicU64; APPEND_CLASSES.len()],
    /// Publishes found stored before: retries.
    pub dedup_hits: AtomicU64,
    /// Message ids looked up in the store.
    pub dedup_reads: AtomicU64,
    /// Conversations looked up in the store.
    pub conversation_reads: AtomicU64,
    /// Publishes that wait for their answer.
    pub queued: AtomicU64,
    /// Their bytes.
    pub queued_bytes: AtomicU64,
    /// Appends of unknown outcome.
    pub unknown_outcomes: AtomicU64,
    /// Appends that the fence refused.
    pub fenced: AtomicU64,
    /// Appends rejected by the store before anything was written.
    pub rejected: AtomicU64,
    /// Shards taken.
    pub takeovers: AtomicU64,
    /// Lanes that serve.
    pub serving: AtomicU64,
    /// Shards owned.
    pub owned: AtomicU64,
    /// Entries stored whose views are not yet.
    pub views_behind: AtomicU64,
    refusals: [AtomicU64; ErrorCode::ALL.len()],
}

impl Default for BridgeStats {
    fn default() -> Self {
        Self {
            appends: AtomicU64::default(),
            entries: AtomicU64::default(),
            append_sizes: Default::default(),
            dedup_hits: AtomicU64::default(),
            dedup_reads: AtomicU64::default(),
            conversation_reads: AtomicU64::default(),
            queued: AtomicU64::default(),
            queued_bytes: AtomicU64::default(),
            unknown_outcomes: AtomicU64::default(),
            fenced: AtomicU64::default(),
            rejected: AtomicU64::default(),
            takeovers: AtomicU64::default(),
            serving: AtomicU64::default(),
            owned: AtomicU64::default(),
            views_behind: AtomicU64::default(),
            refusals: std::array::from_fn(|_| AtomicU64::default()),
        }
    }
}

impl BridgeStats {
    /// Refusals by error number; those that never happened are left out.
    #[must_use]
    pub fn refusals(&self) -> Vec<(ErrorCode, u64)> {
        ErrorCode::ALL
            .iter()
            .zip(&self.refusals)
            .map(|(code, count)| (*code, count.load(Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    pub(crate) fn refused(&self, code: ErrorCode) {
        if let Some(count) = ErrorCode::ALL.iter().position(|known| *known == code).and_then(|at| self.refusals.get(at))
        {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn appended(&self, entries: usize) {
        self.appends.fetch_add(1, Relaxed);
        self.entries.fetch_add(entries as u64, Relaxed);
        let class = APPEND_CLASSES.iter().position(|bound| entries <= *bound).unwrap_or(APPEND_CLASSES.len() - 1);
        self.append_sizes[class].fetch_add(1, Relaxed);
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_are_counted_in_classes() {
        let stats = BridgeStats::default();
        for entries in [1, 3, 200, 500] {
            stats.appended(entries);
        }
        let sizes: Vec<_> = stats.append_sizes.iter().map(|class| class.load(Relaxed)).collect();
        assert_eq!(sizes, [1, 0, 1, 0, 0, 0, 2]);
        assert_eq!(stats.entries.load(Relaxed), 704);
    }

    #[test]
    fn refusals_are_counted_by_number() {
        let stats = BridgeStats::default();
        stats.refused(ErrorCode::Blocked);
        stats.refused(ErrorCode::Blocked);
        assert_eq!(stats.refusals(), [(ErrorCode::Blocked, 2)]);
    }
}
