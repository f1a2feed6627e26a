//! So many per second, with a tenth of a second's worth at once.

use std::time::{Duration, Instant};

/// A pace.
pub(super) struct Pace {
    gap: Duration,
    /// When the next one is due if all were evenly spread.
    next: Instant,
}

const BURST: Duration = Duration::from_millis(100);

impl Pace {
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        Self { gap: Duration::from_secs(1) / per_second.max(1), next: now }
    }

    /// Counts one; how long to wait before the next.
    pub(super) fn take(&mut self, now: Instant) -> Duration {
        self.next = self.next.max(now) + self.gap;
        self.next.saturating_duration_since(now).saturating_sub(BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many are let through in a second of waiting as told.
    fn in_one_second(per_second: u32) -> u32 {
        let start = Instant::now();
        let (mut now, mut count) = (start, 0);
        let mut pace = Pace::new(per_second, start);
        while now.duration_since(start) < Duration::from_secs(1) {
            count += 1;
            now += pace.take(now);
        }
        count
    }

    #[test]
    fn keeps_to_the_rate() {
        for per_second in [1, 5, 10, 100, 2_000] {
            let count = in_one_second(per_second);
            assert!((per_second..=per_second + per_second / 8 + 1).contains(&count), "{per_second}: {count}");
        }
    }

    #[test]
    fn time_without_arrivals_is_not_saved_up() {
        let start = Instant::now();
        let mut pace = Pace::new(100, start);
        let later = start + Duration::from_secs(60);
        let free = (0..1_000).take_while(|_| pace.take(later) == Duration::ZERO).count();
        assert!((9..=11).contains(&free), "{free}");
    }
}
