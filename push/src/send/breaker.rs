//! A circuit breaker as a pure state machine: the time is passed in.
//!
//! It opens after a number of failures without a success between them, or at once when a credential is refused. When its pause is over,
//! one attempt is let through as a probe; success closes it, failure opens it again for twice as long.

use std::time::{Duration, Instant};

use super::Reason;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it. Default 10.
    pub failures: u32,
    /// How long it is open at first. Default 5 s.
    pub pause: Duration,
    /// How long at most, after probes that failed. Default 2 min.
    pub longest_pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 10, pause: Duration::from_secs(5), longest_pause: Duration::from_secs(120) }
    }
}

/// What a breaker is doing, for metrics and people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open {
        /// What opened it.
        reason: Reason,
        /// Until a probe may pass.
        remaining: Duration,
    },
    /// One probe is under way, or will be the next to come.
    HalfOpen {
        /// What opened it.
        reason: Reason,
    },
}

/// Leave to make one attempt. Every pass is given back by [`Breaker::well`], [`Breaker::unwell`], [`Breaker::broken`] or
/// [`Breaker::untold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Plain,
    Probe,
}

#[derive(Debug)]
pub(crate) struct Breaker {
    settings: BreakerSettings,
    state: State,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration, reason: Reason, probing: bool },
}

impl Breaker {
    pub(crate) fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: State::Closed { failures: 0 } }
    }

    /// Leave to try now, or how long to wait before asking again, and why.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Pass, (Duration, Reason)> {
        match &mut self.state {
            State::Closed { .. } => Ok(Pass::Plain),
            State::Open { until, probing, .. } if *until <= now && !*probing => {
                *probing = true;
                Ok(Pass::Probe)
            }
            // While a probe is under way, its result is what to wait for.
            State::Open { until, reason, .. } => {
                Err((until.saturating_duration_since(now).max(self.settings.pause / 4), reason.clone()))
            }
        }
    }

    /// The provider answered as it should, whatever it said of the notification.
    pub(crate) fn well(&mut self, pass: Pass) {
        let closed = matches!(self.state, State::Closed { .. });
        if closed || pass == Pass::Probe {
            self.state = State::Closed { failures: 0 };
        }
    }

    /// The provider is away or unwell.
    pub(crate) fn unwell(&mut self, pass: Pass, now: Instant, reason: Reason) {
        match &mut self.state {
            State::Closed { failures } => {
                *failures += 1;
                if *failures >= self.settings.failures {
                    self.open(now, self.settings.pause, reason);
                }
            }
            State::Open { pause, .. } if pass == Pass::Probe => {
                let pause = pause.saturating_mul(2).min(self.settings.longest_pause);
                self.open(now, pause, reason);
            }
            State::Open { .. } => {}
        }
    }

    /// The application's credential or settings are refused: opens at once.
    pub(crate) fn broken(&mut self, pass: Pass, now: Instant, reason: Reason) {
        match &self.state {
            State::Closed { .. } => self.open(now, self.settings.pause, reason),
            State::Open { .. } => self.unwell(pass, now, reason),
        }
    }

    /// The attempt ended without telling anything (it was given up, or met a limit of ours).
    pub(crate) fn untold(&mut self, pass: Pass) {
        if let (State::Open { probing, .. }, Pass::Probe) = (&mut self.state, pass) {
            *probing = false;
        }
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match &self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until, reason, .. } if *until <= now => BreakerState::HalfOpen { reason: reason.clone() },
            State::Open { until, reason, .. } => {
                BreakerState::Open { reason: reason.clone(), remaining: until.saturating_duration_since(now) }
            }
        }
    }

    fn open(&mut self, now: Instant, pause: Duration, reason: Reason) {
        self.state = State::Open { until: now + pause, pause, reason, probing: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Reason = Reason::new("down");

    fn breaker() -> (Breaker, Instant) {
        let settings =
            BreakerSettings { failures: 3, pause: Duration::from_secs(4), longest_pause: Duration::from_secs(10) };
        (Breaker::new(settings), Instant::now())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not() {
        let (mut breaker, now) = breaker();
        for _ in 0..5 {
            breaker.unwell(Pass::Plain, now, DOWN);
            breaker.unwell(Pass::Plain, now, DOWN);
            breaker.well(Pass::Plain);
        }
        assert_eq!(breaker.state(now), BreakerState::Closed);
        for _ in 0..3 {
            breaker.unwell(Pass::Plain, now, DOWN);
        }
        assert_eq!(breaker.state(now), BreakerState::Open { reason: DOWN, remaining: seconds(4) });
        assert_eq!(breaker.admit(now), Err((seconds(4), DOWN)));
    }

    #[test]
    fn one_probe_passes_and_its_success_closes() {
        let (mut breaker, now) = breaker();
        breaker.broken(Pass::Plain, now, DOWN);
        let later = now + seconds(4);
        assert_eq!(breaker.state(later), BreakerState::HalfOpen { reason: DOWN });
        assert_eq!(breaker.admit(later), Ok(Pass::Probe));
        assert_eq!(breaker.admit(later), Err((seconds(1), DOWN)));
        breaker.well(Pass::Plain);
        assert_ne!(breaker.state(later), BreakerState::Closed, "an attempt from before says nothing");
        breaker.well(Pass::Probe);
        assert_eq!(breaker.admit(later), Ok(Pass::Plain));
    }

    #[test]
    fn a_failed_probe_doubles_the_pause_up_to_the_longest() {
        let (mut breaker, mut now) = breaker();
        breaker.broken(Pass::Plain, now, DOWN);
        for expected in [8, 10, 10] {
            now += seconds(10);
            let pass = breaker.admit(now).unwrap();
            breaker.unwell(Pass::Plain, now, DOWN);
            breaker.unwell(pass, now, DOWN);
            assert_eq!(breaker.state(now), BreakerState::Open { reason: DOWN, remaining: seconds(expected) });
        }
    }

    #[test]
    fn a_probe_that_was_given_up_lets_another_pass() {
        let (mut breaker, now) = breaker();
        breaker.broken(Pass::Plain, now, DOWN);
        let later = now + seconds(5);
        let pass = breaker.admit(later).unwrap();
        breaker.untold(pass);
        assert_eq!(breaker.admit(later), Ok(Pass::Probe));
    }
}
