//! What happens to a session after its connection: its will is published, its session ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;

use super::subscriber::Subscriber;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Its will.
    Will,
    /// The end of its session.
    End,
}

/// One thing to do.
pub(super) struct Job {
    pub(super) subscriber: Arc<Subscriber>,
    pub(super) due: Due,
    generation: u64,
}

impl Job {
    /// Whether nobody has connected since.
    pub(super) fn is_valid(&self) -> bool {
        self.subscriber.generation.load(Relaxed) == self.generation
    }
}

/// Jobs in the order of their times.
#[derive(Default)]
pub(super) struct Timers(Mutex<State>);

#[derive(Default)]
struct State {
    last: u64,
    jobs: BTreeMap<(u64, u64), Job>,
}

impl Timers {
    /// Something to do at `at` (Unix time in milliseconds), unless somebody connects before.
    pub(super) fn add(&self, at: u64, subscriber: &Arc<Subscriber>, due: Due) {
        let generation = subscriber.generation.load(Relaxed);
        let mut state = self.0.lock();
        state.last += 1;
        let key = (at, state.last);
        state.jobs.insert(key, Job { subscriber: subscriber.clone(), due, generation });
    }

    /// What is due by now, the earliest first.
    pub(super) fn due(&self, now: u64) -> Vec<Job> {
        let mut state = self.0.lock();
        if state.jobs.first_key_value().is_none_or(|((at, _), _)| *at > now) {
            return Vec::new();
        }
        let later = state.jobs.split_off(&(now + 1, 0));
        std::mem::replace(&mut state.jobs, later).into_values().collect()
    }
}
