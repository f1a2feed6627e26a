//! A token bucket, pure: the time is passed in. It paces what a project may send, and can be held back as a whole.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Bucket {
    /// Time that one send costs.
    cost: Duration,
    /// How far the bucket may run ahead: a second's worth.
    burst: Duration,
    /// When the bucket is full again.
    full_at: Instant,
    held_until: Instant,
}

impl Bucket {
    /// `per_minute` sends a minute, and at most a second's worth of them at once. 0 counts as 1.
    pub(crate) fn new(per_minute: u32, now: Instant) -> Self {
        let cost = Duration::from_secs(60) / per_minute.max(1);
        Self { cost, burst: cost.max(Duration::from_secs(1)), full_at: now, held_until: now }
    }

    /// Takes one, or says how long to wait before asking again.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        if now < self.held_until {
            return Err(self.held_until - now);
        }
        let taken = self.full_at.max(now) + self.cost;
        let ahead = taken - now;
        if ahead > self.burst {
            return Err(ahead - self.burst);
        }
        self.full_at = taken;
        Ok(())
    }

    /// Nothing before then: the provider said that there was too much.
    pub(crate) fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_at_once_then_the_rate() {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(600, now);
        for _ in 0..10 {
            assert_eq!(bucket.take(now), Ok(()));
        }
        assert_eq!(bucket.take(now), Err(Duration::from_millis(100)));
        for _ in 0..100 {
            now += Duration::from_millis(100);
            assert_eq!(bucket.take(now), Ok(()));
            assert!(bucket.take(now).is_err());
        }
    }

    #[test]
    fn a_slow_rate_still_lets_one_pass() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1, now);
        assert_eq!(bucket.take(now), Ok(()));
        assert_eq!(bucket.take(now), Err(Duration::from_secs(60)));
    }

    #[test]
    fn held_back_as_a_whole() {
        let now = Instant::now();
        let mut bucket = Bucket::new(600_000, now);
        bucket.hold(now + Duration::from_secs(60));
        bucket.hold(now + Duration::from_secs(5));
        assert_eq!(bucket.take(now), Err(Duration::from_secs(60)));
        assert_eq!(bucket.take(now + Duration::from_secs(60)), Ok(()));
    }
}
