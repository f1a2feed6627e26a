//! Counters of the embedded store, for the metrics page.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters of the embedded store since the process started. All but `free_bytes` only rise.
#[derive(Debug, Default)]
pub struct EmbeddedStats {
    commits: AtomicU64,
    requests: AtomicU64,
    entries: AtomicU64,
    commit_nanos: AtomicU64,
    refused: AtomicU64,
    reopened: AtomicU64,
    free_bytes: AtomicU64,
    swept_rows: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatsReading {
    /// Durable commits.
    pub commits: u64,
    /// Writes that they carried: requests / commits is the mean batch.
    pub requests: u64,
    /// Entries appended.
    pub entries: u64,
    /// Time spent in commits, the fsync included.
    pub commit_time: Duration,
    /// Writes refused because the disk was nearly full or the store was being opened again.
    pub refused: u64,
    /// Times the store was opened again after a failed commit.
    pub reopened: u64,
    /// Bytes free on the file system, as of the last write.
    pub free_bytes: u64,
    /// Rows deleted by the sweeper.
    pub swept_rows: u64,
}

impl EmbeddedStats {
    /// Reads all counters.
    #[must_use]
    pub fn read(&self) -> StatsReading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatsReading {
            commits: get(&self.commits),
            requests: get(&self.requests),
            entries: get(&self.entries),
            commit_time: Duration::from_nanos(get(&self.commit_nanos)),
            refused: get(&self.refused),
            reopened: get(&self.reopened),
            free_bytes: get(&self.free_bytes),
            swept_rows: get(&self.swept_rows),
        }
    }

    pub(super) fn committed(&self, requests: u64, entries: u64, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(requests, Ordering::Relaxed);
        self.entries.fetch_add(entries, Ordering::Relaxed);
        self.commit_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reopened(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn free(&self, bytes: u64) {
        self.free_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn swept(&self, rows: u64) {
        self.swept_rows.fetch_add(rows, Ordering::Relaxed);
    }
}
