//! Settings of the embedded store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unix time in milliseconds; replaced in tests.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Settings of the embedded store.
///
/// Memory that it uses at most: `cache_bytes` for blocks read from disk; about 26 MiB of rows not yet written as sorted files,
/// and at most three times that where writing them does not keep up (then commits wait); the write queue (`queue_length` appends of at most 128 KiB, in practice
/// the bridge's window); a few hundred file handles.
#[derive(Clone)]
pub struct EmbeddedConfig {
    /// The store's own folder; created when it is missing. Nothing else may be put into it.
    pub path: PathBuf,
    /// Number of shards. Fixed when the store is created.
    pub shards: u16,
    /// Writes are refused while fewer bytes than this are free on the file system; 0 = never.
    pub free_space_mark: u64,
    /// Bytes of blocks read from disk that are kept in memory.
    pub cache_bytes: u64,
    /// Bytes of write-ahead log after which the oldest rows in memory are written as sorted files; at least 64 MiB.
    pub journal_bytes: u64,
    /// Writes that may wait for the commit thread; more wait outside.
    pub queue_length: usize,
    /// Longest wait between attempts to open the store again after a failed commit.
    pub reopen_backoff: Duration,
    /// Where the time comes from.
    pub clock: Clock,
}

impl EmbeddedConfig {
    /// A store at `path` with everything else at its default.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            shards: 64,
            free_space_mark: 256 * 1024 * 1024,
            cache_bytes: 16 * 1024 * 1024,
            journal_bytes: 128 * 1024 * 1024,
            queue_length: 1024,
            reopen_backoff: Duration::from_secs(2),
            clock: Arc::new(system_clock),
        }
    }
}

impl std::fmt::Debug for EmbeddedConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedConfig")
            .field("path", &self.path)
            .field("shards", &self.shards)
            .field("free_space_mark", &self.free_space_mark)
            .finish_non_exhaustive()
    }
}

fn system_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
