//! The protocol as it is, explored within bounds that differ in what they allow most of.
//!
//! Each test prints how many states it visited. `LONGWAVE_MODEL=deep` allows more of everything and takes some minutes.
#![allow(clippy::print_stderr, reason = "the figures are what one wants to see")]

use longwave_journal_model::{Bounds, Budget, Message, Milestone, Model};

const NOTHING: Budget = Budget { takes: 2, timeouts: 0, crashes: 0, rejections: 0, trims: 0, returns: 0, expiries: 0 };

const BOUNDS: Bounds = Bounds {
    messages: &[Message::lasting(0), Message::lasting(0)],
    batch: 1,
    budget: NOTHING,
    settled_lags: false,
    heads_from_tail: false,
};

const THREE: &[Message] = &[Message::lasting(0), Message::lasting(1), Message::lasting(0)];

/// Explores the first bounds, or the second if asked for more, and expects to come past the milestones.
fn explore(name: &str, shallow: Bounds, deep: Bounds, milestones: &[Milestone]) {
    let is_deep = std::env::var("LONGWAVE_MODEL").is_ok_and(|depth| depth == "deep");
    let found = Model::new(if is_deep { deep } else { shallow }).explore();
    eprintln!("{name}: {} states, the farthest after {} steps", found.states, found.depth);
    assert!(
        found.violation.is_none(),
        "{}",
        found.violation.map(|violation| violation.to_string()).unwrap_or_default()
    );
    for milestone in [Milestone::ALL_ACKNOWLEDGED, Milestone::FENCED, Milestone::INHERITED].iter().chain(milestones) {
        assert!(found.seen.include(*milestone), "{name} never came to {milestone:?}, only to {:?}", found.seen);
    }
}

#[test]
fn outcomes_are_unknown() {
    let shallow = Bounds { batch: 2, budget: Budget { takes: 4, timeouts: 2, rejections: 1, ..NOTHING }, ..BOUNDS };
    let deep = Bounds { messages: THREE, budget: Budget { takes: 3, ..shallow.budget }, ..shallow };
    use Milestone as M;
    let milestones = [M::LANDED, M::NOT_LANDED, M::OVERTAKEN, M::LATE_APPEND, M::REFUSED, M::RETRIED];
    explore("unknown outcomes", shallow, deep, &milestones);
}

#[test]
fn owners_crash_and_come_back() {
    let shallow = Bounds { budget: Budget { takes: 4, timeouts: 1, crashes: 1, ..NOTHING }, ..BOUNDS };
    let deep = Bounds { budget: Budget { timeouts: 2, crashes: 2, ..shallow.budget }, ..BOUNDS };
    explore("crashes", shallow, deep, &[Milestone::LATE_VIEW, Milestone::LATE_APPEND, Milestone::LANDED]);
}

#[test]
fn former_owners_refuse_nobody() {
    const MESSAGES: &[Message] = &[Message::lasting(0), Message::lasting(0).after(0)];
    let budget = Budget { takes: 4, timeouts: 1, crashes: 1, ..NOTHING };
    let shallow = Bounds { messages: MESSAGES, budget, ..BOUNDS };
    let deep = Bounds { budget: Budget { timeouts: 2, crashes: 2, ..budget }, ..shallow };
    explore("members", shallow, deep, &[Milestone::LATE_VIEW]);
}

#[test]
fn views_land_late() {
    let shallow = Bounds { messages: THREE, batch: 2, budget: Budget { timeouts: 1, ..NOTHING }, ..BOUNDS };
    let deep = Bounds { budget: Budget { timeouts: 2, ..shallow.budget }, ..shallow };
    explore("late views", shallow, deep, &[Milestone::LATE_VIEW]);
}

#[test]
fn the_journal_is_trimmed() {
    let budget = Budget { takes: 3, trims: 2, returns: 1, ..NOTHING };
    let shallow = Bounds { budget, heads_from_tail: true, ..BOUNDS };
    let deep = Bounds { messages: THREE, ..shallow };
    explore("trimming", shallow, deep, &[Milestone::TRIMMED, Milestone::RETURNED, Milestone::LATE_VIEW]);
}

#[test]
fn entries_expire() {
    const MESSAGES: &[Message] = &[Message::expiring(0), Message::lasting(0)];
    let budget = Budget { takes: 3, timeouts: 1, crashes: 1, expiries: 1, ..NOTHING };
    let shallow = Bounds { messages: MESSAGES, budget, ..BOUNDS };
    let deep = Bounds { budget: Budget { timeouts: 2, trims: 1, ..budget }, batch: 2, ..shallow };
    explore("expiry", shallow, deep, &[Milestone::APPLIED_EXPIRED, Milestone::LATE_VIEW]);
}

#[test]
fn pushes_lag_behind() {
    let budget = Budget { takes: 3, timeouts: 1, trims: 1, ..NOTHING };
    let shallow = Bounds { settled_lags: true, budget, ..BOUNDS };
    let deep = Bounds { budget: Budget { takes: 4, crashes: 1, ..budget }, ..shallow };
    explore("pushes", shallow, deep, &[Milestone::TRIMMED, Milestone::LANDED]);
}
