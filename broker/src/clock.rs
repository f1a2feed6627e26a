//! The time that sessions are told: one reading of both clocks per poll.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::session::Now;

/// Tells the time since the broker started, and Unix time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        Now { monotonic: milliseconds(self.start.elapsed()), unix: unix_milliseconds() }
    }
}

/// Unix time in milliseconds.
pub(crate) fn unix_milliseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, milliseconds)
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
