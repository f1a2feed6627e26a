//! A rate and a burst, in one number: the time at which everything so far would be done at that rate (the generic cell rate algorithm,
//! ITU-T I.371).

/// How far somebody is. Times are monotonic microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    done: u64,
}

impl Meter {
    /// Counts something that takes `cost` at the rate. Until when to wait, if as much as takes `burst` may come at once.
    pub(crate) fn take(&mut self, cost: u64, burst: u64, now: u64) -> u64 {
        self.done = self.done.max(now).saturating_add(cost);
        self.wait(burst).max(now)
    }

    /// Until when to wait for what was counted.
    pub(crate) fn wait(&self, burst: u64) -> u64 {
        self.done.saturating_sub(burst)
    }

    /// Whether it is as if nothing had come.
    pub(crate) fn is_idle(&self, now: u64) -> bool {
        self.done <= now
    }
}
