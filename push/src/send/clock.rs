//! The time of day, as a value that is passed in, so that a test can say what time it is.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells Unix time in milliseconds.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The system's.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }

    /// One of your own; the function returns Unix time in milliseconds.
    pub fn new(millis: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(millis))
    }

    /// Unix time in milliseconds.
    #[must_use]
    pub fn millis(&self) -> u64 {
        (self.0)()
    }

    /// Unix time in whole seconds.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.millis() / 1000
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
