//! The embedded store: fjall behind the traits of this crate, for one process on one machine.
//!
//! Every write goes through one thread, which commits whatever has queued up as one atomic batch and one sync (fjall has no group
//! commit of its own); journal and views are the same commit, so `applied` is always the head. Reads run where they are
//! called: they touch memory and the page cache, rarely the disk.
//!
//! Damage. Noticed when the store is opened: `store.json`, missing folders and manifests, any wrong byte or missing file of the
//! write-ahead log, and fewer commits than were made durable. Noticed when it is read: a wrong byte in a sorted file (each block has a
//! checksum); a backup reads every row. Not noticed: a whole store folder replaced by an older copy of itself; and, only after a power cut, damage
//! to the very last commits, which then look like one that was never finished (see `commit_count`).

mod backup;
mod commit_count;
mod committer;
mod config;
#[cfg(feature = "fault-injection")]
mod fault;
mod journal_check;
mod keys;
mod log_row;
mod marker;
mod open_error;
mod opening;
mod plain;
mod plain_fact;
mod plain_log;
mod pointers;
mod prepare;
mod read;
mod request;
mod rows;
mod shared;
mod space;
mod stage;
mod stats;
mod survey;
mod sweep;
mod tables;
mod write;

use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::mpsc;

pub use crate::retention::{RetentionPolicy, SweepReport};
pub use backup::{BackupError, BackupReport, restore};
pub use config::{Clock, EmbeddedConfig};
pub use open_error::OpenError;
pub use stats::{EmbeddedStats, StatsReading};
pub use sweep::JOURNAL_MILLIS;

use crate::error::StoreError;
use committer::Committer;
use request::Request;
use shared::Shared;
use stage::Boot;
use sweep::Rounds;

/// The embedded store. Dropping it waits for the writes that are queued and closes the database.
pub struct Embedded {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Request>>,
    committer: Option<JoinHandle<()>>,
    boot: Boot,
    rounds: Mutex<Rounds>,
    _lock: File,
}

impl Embedded {
    /// Opens the store, or creates it when its folder is missing or empty.
    ///
    /// # Errors
    /// [`OpenError`]: in use, newer, of another number of shards, damaged, or out of reach.
    pub fn open(config: EmbeddedConfig) -> Result<Self, OpenError> {
        let opened_at = (config.clock)();
        let (lock, tables) = opening::open(&config)?;
        let path = config.path.clone();
        let unreadable = |error| OpenError::damaged(path.join(marker::DATABASE), error);
        let (_, last_commit) = committer::read_commits(&tables).map_err(unreadable)?;
        let boot = Boot { last_commit, opened_at };
        let (sender, receiver) = mpsc::channel(config.queue_length.max(1));
        let shared = Arc::new(Shared::new(config, tables));
        let tables = shared.tables().map_err(unreadable)?;
        let committer = Committer::new(shared.clone(), receiver, &tables, boot)?;
        drop(tables);
        let thread = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || committer.run())
            .map_err(|error| OpenError::Io { path, error })?;
        Ok(Self {
            shared,
            queue: Some(sender),
            committer: Some(thread),
            boot,
            rounds: Mutex::new(Rounds::default()),
            _lock: lock,
        })
    }

    /// Why the store cannot be used just now; `None` when it can.
    #[must_use]
    pub fn unavailable(&self) -> Option<String> {
        self.shared.tables().err().map(|error| error.to_string())
    }

    /// Writes all rows that are in memory as sorted files, so that opening the store replays little.
    ///
    /// # Errors
    /// [`StoreError`] when the files cannot be written.
    pub async fn write_sorted_files(&self) -> Result<(), StoreError> {
        let tables = self.shared.tables()?;
        let write = move || tables.write_sorted_files();
        let failed = |error: tokio::task::JoinError| StoreError::Unavailable(error.to_string().into());
        tokio::task::spawn_blocking(write).await.map_err(failed)?
    }

    /// Counters for the metrics page.
    #[must_use]
    pub fn stats(&self) -> StatsReading {
        self.shared.stats.read()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.committer.take()
            && thread.join().is_err()
        {
            tracing::error!("the commit thread panicked");
        }
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("config", &self.shared.config).finish_non_exhaustive()
    }
}
