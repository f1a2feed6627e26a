//! Visits every state, the nearest first, so that what breaks a promise is found on a shortest way.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_64;

use crate::Model;
use crate::action::Action;
use crate::judge::Broken;
use crate::milestone::Milestone;
use crate::state::State;

/// What was found.
#[derive(Debug)]
pub struct Exploration {
    /// Different states visited.
    pub states: usize,
    /// Steps from the first state to the farthest.
    pub depth: usize,
    /// What happened on the way.
    pub seen: Milestone,
    /// A promise that broke; the search ends with it.
    pub violation: Option<Violation>,
}

/// A shortest way to a state in which a promise does not hold.
#[derive(Debug)]
pub struct Violation {
    /// The promise.
    pub broken: Broken,
    /// The steps to it, with the statements that they are about.
    pub steps: Vec<String>,
    /// The state.
    pub state: Box<State>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} is broken after {} steps:", self.broken, self.steps.len())?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        write!(f, "{:?}", self.state)
    }
}

/// How each state was reached first, by fingerprint. Of ten million states two share one with a chance of 1 in 400,000.
type Visited = HashMap<u64, (u64, Option<Action>), FxBuildHasher>;

impl Model {
    /// Visits every state within the bounds, until a promise breaks.
    #[must_use]
    pub fn explore(&self) -> Exploration {
        let first = State::first(&self.bounds);
        let mut found = Exploration { states: 1, depth: 0, seen: Milestone::NONE, violation: None };
        let mut fingerprint = Fingerprint::default();
        let mut visited = Visited::default();
        let print = fingerprint.of(&first);
        visited.insert(print, (print, None));
        let mut queue = VecDeque::from([(print, 0, first)]);
        let mut actions = Vec::new();
        while let Some((from, depth, state)) = queue.pop_front() {
            found.depth = depth;
            self.actions(&state, &mut actions);
            for action in actions.drain(..) {
                let (next, milestone) = self.after(&state, action);
                found.seen |= milestone;
                let print = fingerprint.of(&next);
                if visited.contains_key(&print) {
                    continue;
                }
                visited.insert(print, (from, Some(action)));
                if let Some(broken) = self.judge_state(&next) {
                    let steps = self.tell(&way(&visited, print));
                    found.states = visited.len();
                    found.violation = Some(Violation { broken, steps, state: Box::new(next) });
                    return found;
                }
                queue.push_back((print, depth + 1, next));
            }
        }
        found.states = visited.len();
        found
    }

    fn tell(&self, way: &[Action]) -> Vec<String> {
        let mut state = State::first(&self.bounds);
        let told = way.iter().map(|action| {
            let about = match action {
                Action::CarryOut(index) | Action::Repeat(index) => state.wire.sent().get(usize::from(*index)),
                _ => None,
            };
            let step = about.map_or_else(|| format!("{action:?}"), |sent| format!("{action:?}: {sent:?}"));
            state = self.after(&state, *action).0;
            step
        });
        told.collect()
    }
}

fn way(visited: &Visited, mut print: u64) -> Vec<Action> {
    let mut steps = Vec::new();
    while let Some((before, Some(action))) = visited.get(&print) {
        steps.push(*action);
        print = *before;
    }
    steps.reverse();
    steps
}

/// Collects what a state hashes, and hashes it in one go.
#[derive(Default)]
struct Fingerprint(Vec<u8>);

impl Fingerprint {
    fn of(&mut self, state: &State) -> u64 {
        self.0.clear();
        state.hash(self);
        self.finish()
    }
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        xxh3_64(&self.0)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Discriminants and lengths: all below 256.
    fn write_isize(&mut self, number: isize) {
        self.0.push(number.to_le_bytes()[0]);
    }

    fn write_usize(&mut self, number: usize) {
        self.0.push(number.to_le_bytes()[0]);
    }
}
