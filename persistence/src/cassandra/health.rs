//! Whether Cassandra answers: what an operator is told of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::Cassandra;
use crate::error::StoreError;

/// What the latest requests said. One success makes it well again.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Nothing has succeeded since the last failure.
    is_ill: AtomicBool,
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
            // Read first: all requests share the line.
            Ok(_) if !self.is_ill.load(Relaxed) => {}
            Ok(_) => self.is_ill.store(false, Relaxed),
            Err(error) => {
                self.failures.fetch_add(1, Relaxed);
                *self.reason.lock() = error.to_string();
                self.is_ill.store(true, Relaxed);
            }
        }
    }
}

impl Cassandra {
    /// Why clients should not come now: what the last failure was, and what waits.
    #[must_use]
    pub fn unavailable(&self) -> Option<String> {
        self.health.is_ill.load(Relaxed).then(|| {
            let reason = self.health.reason.lock();
            format!("cassandra does not answer: {reason} (error 4002); publishes wait, deliveries from the log too")
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
