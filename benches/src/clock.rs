//! The one clock of a run: monotonic nanoseconds since it started, the same for all threads.

use std::time::{Duration, Instant};

/// A monotonic clock with a start of its own.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Blocks the thread until a moment of this clock.
    pub fn sleep_until(&self, moment_ns: u64) {
        if let Some(wait) = moment_ns.checked_sub(self.now_ns()) {
            std::thread::sleep(Duration::from_nanos(wait));
        }
    }
}
