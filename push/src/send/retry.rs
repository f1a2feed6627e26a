//! How long to wait between attempts: decorrelated jitter, so that many that failed together do not come back together.
//!
//! Each pause is drawn between the shortest and three times the one before, up to the longest (the AWS Architecture Blog's "Exponential
//! Backoff And Jitter"). The source of chance is passed in as a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// How patient a call of [`super::Sender::send`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySettings {
    /// The shortest pause between two attempts. Default 500 ms.
    pub shortest: Duration,
    /// The longest. Default 60 s.
    pub longest: Duration,
    /// How long one call may take in pauses before it gives the notification back as [`super::Outcome::Retry`]. Default 30 s;
    /// `Duration::MAX` waits until the notification expires.
    pub patience: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            shortest: Duration::from_millis(500),
            longest: Duration::from_secs(60),
            patience: Duration::from_secs(30),
        }
    }
}

/// The pauses of one notification.
#[derive(Debug)]
pub(crate) struct Backoff {
    shortest: Duration,
    longest: Duration,
    previous: Duration,
    chance: StdRng,
}

impl Backoff {
    pub(crate) fn new(settings: &RetrySettings, seed: u64) -> Self {
        let shortest = settings.shortest.max(Duration::from_millis(1));
        Self {
            shortest,
            longest: settings.longest.max(shortest),
            previous: shortest,
            chance: StdRng::seed_from_u64(seed),
        }
    }

    /// The pause before the next attempt; no shorter than `after`, which the provider asked for, and then with jitter on top.
    pub(crate) fn pause(&mut self, after: Option<Duration>) -> Duration {
        let upper = self.previous.saturating_mul(3).min(self.longest).max(self.shortest);
        self.previous = self.chance.random_range(self.shortest..=upper);
        match after {
            None => self.previous,
            Some(after) => after.saturating_add(self.previous.min(after / 4)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: RetrySettings = RetrySettings {
        shortest: Duration::from_millis(100),
        longest: Duration::from_secs(2),
        patience: Duration::MAX,
    };

    #[test]
    fn pauses_stay_within_bounds_and_grow_at_most_threefold() {
        for seed in 0..500 {
            let mut backoff = Backoff::new(&SETTINGS, seed);
            let mut previous = SETTINGS.shortest;
            for _ in 0..50 {
                let pause = backoff.pause(None);
                assert!(pause >= SETTINGS.shortest && pause <= SETTINGS.longest && pause <= previous * 3);
                previous = pause;
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses_and_another_does_not() {
        let pauses = |seed| {
            let mut backoff = Backoff::new(&SETTINGS, seed);
            (0..10).map(|_| backoff.pause(None)).collect::<Vec<_>>()
        };
        assert_eq!(pauses(1), pauses(1));
        assert_ne!(pauses(1), pauses(2));
    }

    #[test]
    fn what_the_provider_asks_for_is_the_least() {
        let asked = Duration::from_secs(60);
        for seed in 0..100 {
            let pause = Backoff::new(&SETTINGS, seed).pause(Some(asked));
            assert!(pause >= asked && pause <= asked + SETTINGS.longest);
        }
        assert_eq!(Backoff::new(&SETTINGS, 1).pause(Some(Duration::ZERO)), Duration::ZERO);
    }
}
