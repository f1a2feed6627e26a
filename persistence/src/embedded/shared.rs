//! What readers, the commit thread and the sweeper share: settings, counters, and the tables while they are open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tracing::warn;

use super::config::EmbeddedConfig;
use super::marker::DATABASE;
use super::stats::EmbeddedStats;
use super::tables::{Tables, View};
use crate::error::StoreError;

/// Shared by everybody who uses the store.
pub(super) struct Shared {
    pub(super) config: EmbeddedConfig,
    pub(super) stats: EmbeddedStats,
    tables: RwLock<Result<Arc<Tables>, Arc<str>>>,
}

impl Shared {
    pub(super) fn new(config: EmbeddedConfig, tables: Tables) -> Self {
        Self { config, stats: EmbeddedStats::default(), tables: RwLock::new(Ok(Arc::new(tables))) }
    }

    /// The tables, for one read; nobody keeps them.
    pub(super) fn tables(&self) -> Result<Arc<Tables>, StoreError> {
        self.tables.read().clone().map_err(StoreError::Unavailable)
    }

    /// All tables as of the last commit, for one read.
    pub(super) fn view(&self) -> Result<View, StoreError> {
        Ok(self.tables()?.view())
    }

    pub(super) fn now(&self) -> u64 {
        (self.config.clock)()
    }

    pub(super) fn database(&self) -> PathBuf {
        self.config.path.join(DATABASE)
    }

    pub(super) fn open(&self, tables: Arc<Tables>) {
        *self.tables.write() = Ok(tables);
    }

    /// Takes the tables from everybody and closes the database once the last reader is done.
    pub(super) fn close(&self, reason: &str) {
        let taken = std::mem::replace(&mut *self.tables.write(), Err(reason.into()));
        let Ok(mut tables) = taken else { return };
        tables.retire();
        loop {
            match Arc::try_unwrap(tables) {
                Ok(last) => return close_database(last),
                Err(shared) => tables = shared,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn close_database(tables: Tables) {
    // Closing waits for fjall's threads; one that panicked must not take the supervisor along.
    let closed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(tables)));
    if closed.is_err() {
        warn!("closing the database panicked");
    }
}
