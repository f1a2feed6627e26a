//! The protocol as it is, explored within bounds that differ in what they allow most of.
//!
//! Each test prints how many states it visited. `LONGWAVE_MODEL=deep` allows more of everything and takes minutes.
#![allow(clippy::print_stderr, reason = "the figures are what one wants to see")]

use longwave_journal_model::{Bounds, Budget, Message, Milestone, Model};

const QUIET: Budget = Budget { takes: 2, timeouts: 0, crashes: 0, rejections: 0, trims: 0, returns: 0, expiries: 0 };

fn holds(name: &str, bounds: Bounds, milestones: &[Milestone]) {
    let found = Model::new(bounds).explore();
    eprintln!("{name}: {} states, the farthest after {} steps", found.states, found.depth);
    if let Some(violation) = found.violation {
        panic!("{violation}");
    }
    for milestone in milestones {
        assert!(found.seen.include(*milestone), "{name} never came to {milestone:?}, only to {:?}", found.seen);
    }
}

#[test]
fn tune() {
    let base = Bounds { messages: &[Message::lasting(0), Message::lasting(0)], batch: 1, budget: QUIET, settled_lags: false, heads_from_tail: false };
    let t = |name: &str, b: Bounds| { let s = std::time::Instant::now(); holds(name, b, &[]); eprintln!("{:?}", s.elapsed()); };
    t("quiet", base);
    t("timeout", Bounds { budget: Budget { takes: 3, timeouts: 1, ..QUIET }, ..base });
    t("timeout crash", Bounds { budget: Budget { takes: 3, timeouts: 1, crashes: 1, ..QUIET }, ..base });
    t("timeout reject batch", Bounds { batch: 2, budget: Budget { takes: 3, timeouts: 1, rejections: 1, ..QUIET }, ..base });
    t("trim", Bounds { budget: Budget { takes: 2, trims: 1, returns: 1, ..QUIET }, ..base });
}
