//! How fast one connection may publish. A client that is faster is read later, which slows its socket down; nothing is refused.

use super::{Effect, Now, Session};
use crate::meter::Meter;

/// What may come at once: so much of a second, in microseconds.
const BURST: u64 = 1_000_000;

/// The state of a connection that has rates.
#[derive(Debug, Default)]
pub(super) struct Pace {
    publishes: Meter,
    bytes: Meter,
    /// Nothing is read until then, in monotonic milliseconds.
    pub(super) until: Option<u64>,
}

impl Pace {
    /// Counts a publish of so many bytes, at these rates per second (0 = none). Until when, in microseconds, nothing is to be read.
    fn take(&mut self, bytes: usize, rates: (u32, u32), now: u64) -> u64 {
        let mut until = now;
        for (meter, count, rate) in [(&mut self.publishes, 1, rates.0), (&mut self.bytes, bytes as u64, rates.1)] {
            if rate > 0 {
                let cost = count.saturating_mul(1_000_000) / u64::from(rate);
                until = until.max(meter.take(cost, BURST, now));
            }
        }
        until
    }
}

impl Session {
    /// A publish of so many bytes came.
    pub(super) fn keep_pace(&mut self, bytes: usize, now: Now, effects: &mut Vec<Effect>) {
        let rates = (self.limits.publishes_per_second, self.limits.bytes_per_second);
        if rates == (0, 0) {
            return;
        }
        let micros = now.monotonic.saturating_mul(1_000);
        let pace = self.pace.get_or_insert_default();
        let until = pace.take(bytes, rates, micros);
        if until > micros {
            pace.until = Some(until.div_ceil(1_000));
            effects.push(Effect::Slowed);
        }
    }

    /// Whether nothing is read because of it.
    pub(super) fn is_slowed(&self) -> bool {
        self.pace.as_ref().is_some_and(|pace| pace.until.is_some())
    }

    /// When that ends, in monotonic milliseconds.
    pub(super) fn pace_deadline(&self) -> u64 {
        self.pace.as_ref().and_then(|pace| pace.until).unwrap_or(u64::MAX)
    }

    /// Time has passed.
    pub(super) fn go_on(&mut self, now: Now) {
        if let Some(pace) = self.pace.as_mut().filter(|pace| pace.until.is_some_and(|until| until <= now.monotonic)) {
            pace.until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BURST, Pace};

    /// How many publishes of so many bytes are taken in so many seconds by who never waits longer than told.
    fn taken(bytes: usize, rates: (u32, u32), seconds: u64) -> u64 {
        let (mut pace, mut now, mut count) = (Pace::default(), BURST, 0);
        while now < BURST + seconds * 1_000_000 {
            count += 1;
            now = pace.take(bytes, rates, now);
        }
        count
    }

    #[test]
    fn a_flood_is_taken_at_the_rate_after_the_burst() {
        assert_eq!(taken(10, (100, 0), 10), 1_100);
        assert_eq!(taken(1_000, (0, 10_000), 10), 110);
        assert_eq!(taken(1_000, (1, 10_000), 10), 11, "the lower one counts");
        assert_eq!(taken(100_000, (0, 10_000), 100), 11, "one that is larger than the burst passes, and is waited for");
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_a_burst(
            rate in 1..10_000_u32,
            gaps in proptest::collection::vec(0..50_000_u64, 1..200),
        ) {
            let (mut pace, mut now) = (Pace::default(), 0);
            let start = now;
            for (count, gap) in (1..).zip(gaps) {
                now = pace.take(0, (rate, 0), now + gap);
                let most = (now - start + BURST) * u64::from(rate) / 1_000_000 + 2;
                prop_assert!(count <= most, "{} in {} us", count, now - start);
            }
        }
    }
}
