//! Each rule broken on purpose: the exploration must find a state that breaks a promise, or nobody could trust it to find a mistake.
#![allow(clippy::print_stderr, reason = "the figures are what one wants to see")]

use longwave_journal_model::{Bounds, Broken, Budget, Fault, Message, Model};

const NOTHING: Budget = Budget { takes: 2, timeouts: 0, crashes: 0, rejections: 0, trims: 0, returns: 0, expiries: 0 };

/// Two messages of one conversation, one at a time.
const PLAIN: Bounds = Bounds {
    messages: &[Message::lasting(0), Message::lasting(0)],
    batch: 1,
    budget: NOTHING,
    settled_lags: false,
    heads_from_tail: false,
};

const UNKNOWN: Bounds = Bounds { budget: Budget { timeouts: 1, ..NOTHING }, ..PLAIN };
/// A third message, to be given the seq of another.
const LATE: Bounds = Bounds { messages: &[Message::lasting(0), Message::lasting(0), Message::lasting(0)], ..UNKNOWN };
const MEMBERS: Bounds = Bounds { messages: &[Message::lasting(0), Message::lasting(0).after(0)], ..PLAIN };
const REFUSED: Bounds = Bounds { budget: Budget { timeouts: 1, rejections: 1, ..NOTHING }, ..PLAIN };
const EXPIRING: Bounds = Bounds {
    messages: &[Message::expiring(0), Message::lasting(0)],
    budget: Budget { expiries: 1, ..NOTHING },
    ..PLAIN
};
const TRIMMED: Bounds = Bounds { budget: Budget { trims: 1, ..NOTHING }, ..PLAIN };
const RETURNED: Bounds = Bounds {
    messages: &[Message::lasting(0), Message::lasting(0), Message::lasting(0)],
    budget: Budget { trims: 1, returns: 1, ..NOTHING },
    heads_from_tail: true,
    ..PLAIN
};
const LAGGING: Bounds = Bounds { budget: Budget { takes: 3, timeouts: 1, ..NOTHING }, settled_lags: true, ..PLAIN };

/// Where each fault shows first inside, and what clients and readers see of it.
const FOUND: [(Fault, Bounds, Broken, Option<Broken>); 17] = [
    (Fault::JudgesByHead, REFUSED, Broken::Refused, Some(Broken::Refused)),
    (Fault::SkipsSerialRead, REFUSED, Broken::Refused, Some(Broken::Refused)),
    (Fault::TakesNotAppliedForSuccess, PLAIN, Broken::Acknowledged, Some(Broken::Acknowledged)),
    (Fault::FencesByHeadAlone, REFUSED, Broken::Refused, Some(Broken::Refused)),
    (Fault::ReadsHeadsBeforeApplying, PLAIN, Broken::Order, Some(Broken::Order)),
    (Fault::RefusesUnconfirmed, MEMBERS, Broken::Refused, Some(Broken::Refused)),
    (Fault::TrimsAboveWatermarks, TRIMMED, Broken::Watermarks, Some(Broken::Acknowledged)),
    (Fault::UsesReturnedRows, RETURNED, Broken::Order, Some(Broken::Order)),
    (Fault::WritesViewsByClock, LATE, Broken::HeadFell, Some(Broken::Order)),
    (Fault::RaisesHeadBeforeRows, PLAIN, Broken::Readable, Some(Broken::Readable)),
    (Fault::ForgetsTimedOutRows, UNKNOWN, Broken::Readable, Some(Broken::Readable)),
    (Fault::SkipsExpiredEntries, EXPIRING, Broken::Once, Some(Broken::Once)),
    (Fault::ExpiresHead, EXPIRING, Broken::HeadFell, Some(Broken::Order)),
    (Fault::ExpiresDedup, EXPIRING, Broken::Applied, Some(Broken::Once)),
    (Fault::MovesAppliedTooEarly, PLAIN, Broken::Applied, Some(Broken::Order)),
    (Fault::WritesOldWatermarks, LAGGING, Broken::Watermarks, None),
    (Fault::AnswersBeforeCommit, PLAIN, Broken::Acknowledged, Some(Broken::Acknowledged)),
];

fn find(fault: Fault, bounds: Bounds, from_outside: bool) -> Option<Broken> {
    let found = Model { bounds, fault: Some(fault), from_outside }.explore();
    let broken = found.violation.map(|violation| violation.broken);
    eprintln!("{fault:?}, from outside: {from_outside}: {broken:?} among {} states", found.states);
    broken
}

#[test]
fn every_broken_rule_is_found() {
    for fault in Fault::ALL {
        assert!(FOUND.iter().any(|(known, ..)| *known == fault), "nothing says how {fault:?} shows");
    }
    for (fault, bounds, inside, outside) in FOUND {
        assert_eq!(find(fault, bounds, false), Some(inside), "{fault:?}");
        assert_eq!(find(fault, bounds, true), outside, "{fault:?}, from outside");
    }
}

#[test]
fn within_the_same_bounds_the_protocol_holds() {
    for bounds in [PLAIN, UNKNOWN, MEMBERS, LATE, REFUSED, EXPIRING, TRIMMED, RETURNED, LAGGING] {
        let found = Model::new(bounds).explore();
        assert!(
            found.violation.is_none(),
            "{}",
            found.violation.map(|violation| violation.to_string()).unwrap_or_default()
        );
    }
}
