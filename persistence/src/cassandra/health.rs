//! Whether Cassandra answers: what an operator is told of it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::{Cassandra, now_millis};
use crate::error::StoreError;

/// What the latest requests said. One success makes it well again.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Unix time in milliseconds of the first failure since the last success; 0 = well.
    since: AtomicU64,
    reason: Mutex<String>,
    requests: AtomicU64,
    failures: AtomicU64,
}

/// Counters of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CassandraStats {
    /// Requests sent.
    pub requests: u64,
    /// Requests that failed or timed out.
    pub failures: u64,
}

impl Health {
    /// A request has ended.
    pub(super) fn note<T, E: ToString>(&self, result: &Result<T, E>) {
        self.requests.fetch_add(1, Relaxed);
        match result {
            Ok(_) if self.since.load(Relaxed) == 0 => {}
            Ok(_) => {
                self.since.store(0, Relaxed);
                tracing::info!("cassandra answers again");
            }
            Err(error) => {
                self.failures.fetch_add(1, Relaxed);
                *self.reason.lock() = error.to_string();
                if self.since.compare_exchange(0, now_millis(), Relaxed, Relaxed).is_ok() {
                    tracing::error!(error = error.to_string(), "cassandra does not answer");
                }
            }
        }
    }
}

impl Cassandra {
    /// Why clients should not come now: since when nothing has succeeded, and what the last failure was.
    #[must_use]
    pub fn unavailable(&self) -> Option<String> {
        let since = self.health.since.load(Relaxed);
        let seconds = now_millis().saturating_sub(since) / 1000;
        (since != 0).then(|| {
            let reason = self.health.reason.lock();
            format!("cassandra has not answered for {seconds} s: {reason}; publishes wait, deliveries from the log too")
        })
    }

    /// What it counts.
    #[must_use]
    pub fn stats(&self) -> CassandraStats {
        CassandraStats { requests: self.health.requests.load(Relaxed), failures: self.health.failures.load(Relaxed) }
    }

    /// Asks for something small, so that an idle process knows how Cassandra is.
    ///
    /// # Errors
    /// [`StoreError`] when it does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.one::<(Option<String>,)>("conversation", &self.statements.ping, ("longwave",)).await.map(drop)
    }
}
