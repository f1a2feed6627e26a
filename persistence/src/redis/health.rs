//! Whether Redis answers: what an operator is told of it.
//!
//! Where one of several masters is away, some requests fail and some succeed; it counts as away until nothing has failed for a second.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Redis;
use super::error::RedisError;
use super::request::Request;

/// Without failures for this long it is well again.
const CALM: Duration = Duration::from_secs(1);

/// What the latest requests said.
#[derive(Debug, Default)]
pub(super) struct Health {
    ill: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
    requests: AtomicU64,
    failures: AtomicU64,
}

#[derive(Debug)]
struct Trouble {
    latest: Instant,
    reason: String,
}

/// Counters of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisStats {
    /// Round trips: each sends up to 4,096 commands, to one or more servers.
    pub requests: u64,
    /// Those that failed or timed out.
    pub failures: u64,
}

impl Health {
    /// A call has ended.
    pub(super) fn note<T>(&self, result: &Result<T, RedisError>) {
        self.requests.fetch_add(1, Relaxed);
        match result {
            Ok(_) if !self.ill.load(Relaxed) => {}
            Ok(_) => {
                let mut trouble = self.trouble.lock();
                if trouble.as_ref().is_some_and(|trouble| trouble.latest.elapsed() >= CALM) {
                    *trouble = None;
                    self.ill.store(false, Relaxed);
                }
            }
            Err(error) => {
                self.failures.fetch_add(1, Relaxed);
                let reason = format!("{error} (error {})", error.code().number());
                *self.trouble.lock() = Some(Trouble { latest: Instant::now(), reason });
                self.ill.store(true, Relaxed);
            }
        }
    }
}

impl Redis {
    /// What does not work now: what the last failure was, and what waits.
    #[must_use]
    pub fn unavailable(&self) -> Option<String> {
        let trouble = self.0.health.trouble.lock();
        trouble.as_ref().map(|Trouble { reason, .. }| {
            format!(
                "redis does not answer: {reason}; between nodes, messages arrive late and presence and typing not at all"
            )
        })
    }

    /// What it counts.
    #[must_use]
    pub fn stats(&self) -> RedisStats {
        let health = &self.0.health;
        RedisStats { requests: health.requests.load(Relaxed), failures: health.failures.load(Relaxed) }
    }

    /// Asks for something small, so that an idle process knows how Redis is.
    ///
    /// # Errors
    /// [`RedisError`] when it does not answer.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.run(vec![Request::command("EXISTS", &self.0.settings.nodes_key())]).await.map(drop)
    }
}
