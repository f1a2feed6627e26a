//! How long to wait before the next attempt: longer each time, with jitter, so that many processes do not come at once.

use std::time::Duration;

use rand::Rng as _;
use tokio::time::sleep;

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// The pause before the next attempt.
pub(super) struct Pause(Duration);

impl Pause {
    pub(super) fn new() -> Self {
        Self(SHORTEST)
    }

    /// What was opened lived this long; if that was long enough, the next pause is short again. One that breaks as soon as it is open
    /// must not be opened in a tight loop.
    pub(super) fn after_life_of(&mut self, time: Duration) {
        if time > LONGEST {
            self.0 = SHORTEST;
        }
    }

    /// Waits.
    pub(super) async fn wait(&mut self) {
        sleep(jittered(self.next())).await;
    }

    fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(LONGEST);
        now
    }
}

/// Half to the whole of a time.
pub(super) fn jittered(time: Duration) -> Duration {
    time.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_start_anew() {
        let mut pause = Pause::new();
        let pauses: Vec<_> = (0..10).map(|_| pause.next()).collect();
        assert!(pauses.is_sorted() && pauses[0] == SHORTEST && pauses[9] == LONGEST);
        pause.after_life_of(Duration::from_millis(10));
        assert_eq!(pause.next(), LONGEST);
        pause.after_life_of(Duration::from_secs(60));
        assert_eq!(pause.next(), SHORTEST);
    }
}
