//! The accounting against hand-made streams, and against a plain recount of random ones.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn run(sent: u64, unanswered: &[u64], refused: &[u64], arrivals: &[u64]) -> Verdict {
    let mut ledger = Ledger::default();
    for _ in 0..sent {
        let number = ledger.send();
        if refused.contains(&number) {
            ledger.refuse(number);
        } else if !unanswered.contains(&number) {
            ledger.acknowledge();
        }
    }
    for number in arrivals {
        ledger.arrive(*number);
    }
    ledger.close(&unanswered.iter().copied().collect())
}

#[test]
fn a_whole_stream_in_order_is_clean() {
    let verdict = run(4, &[], &[], &[0, 1, 2, 3]);
    assert!(verdict.is_clean(), "{verdict:?}");
    assert_eq!((verdict.sent, verdict.acknowledged, verdict.delivered), (4, 4, 4));
}

#[test]
fn each_fault_is_counted_as_itself() {
    let cases: [(&str, &[u64], [u64; 4]); 9] = [
        ("lost in the middle", &[0, 2, 3], [1, 0, 0, 0]),
        ("lost at the end", &[0, 1, 2], [1, 0, 0, 0]),
        ("lost at the start", &[1, 2, 3], [1, 0, 0, 0]),
        ("nothing came", &[], [4, 0, 0, 0]),
        ("twice in a row", &[0, 1, 1, 2, 3], [0, 1, 0, 0]),
        ("again at the end", &[0, 1, 2, 3, 0], [0, 1, 0, 0]),
        ("two swapped", &[0, 2, 1, 3], [0, 0, 1, 0]),
        ("late and then again", &[0, 2, 1, 1, 3], [0, 1, 1, 0]),
        ("never sent", &[0, 1, 2, 3, 9], [0, 0, 0, 1]),
    ];
    for (name, arrivals, expected) in cases {
        let verdict = run(4, &[], &[], arrivals);
        let found = [verdict.lost, verdict.duplicates, verdict.out_of_order, verdict.stray];
        assert_eq!(found, expected, "{name}");
        assert!(!verdict.is_clean(), "{name}");
    }
}

#[test]
fn a_message_without_an_answer_is_not_lost_but_the_run_is_not_clean() {
    let missing = run(4, &[3], &[], &[0, 1, 2]);
    assert_eq!((missing.lost, missing.unanswered), (0, 1));
    assert!(!missing.is_clean());
    let arrived = run(4, &[3], &[], &[0, 1, 2, 3]);
    assert_eq!((arrived.lost, arrived.unanswered, arrived.delivered), (0, 1, 4));
}

#[test]
fn a_refused_message_is_not_lost_and_is_stray_when_it_arrives() {
    assert_eq!(run(3, &[], &[1], &[0, 2]).lost, 0);
    assert_eq!(run(3, &[], &[1], &[0, 1, 2]).stray, 1);
}

proptest! {
    #[test]
    fn sums_equal_a_plain_recount(sent in 1_u64..40, arrivals in prop::collection::vec(0_u64..40, 0..80)) {
        let arrivals: Vec<u64> = arrivals.into_iter().filter(|number| *number < sent).collect();
        let verdict = run(sent, &[], &[], &arrivals);
        let distinct: BTreeSet<u64> = arrivals.iter().copied().collect();
        prop_assert_eq!(verdict.delivered, distinct.len() as u64);
        prop_assert_eq!(verdict.lost, sent - distinct.len() as u64);
        prop_assert_eq!(verdict.duplicates, (arrivals.len() - distinct.len()) as u64);
        let mut seen = BTreeSet::new();
        let late = arrivals.iter().filter(|number| {
            let above = seen.last().is_some_and(|highest| *highest > **number);
            seen.insert(**number) && above
        });
        prop_assert_eq!(verdict.out_of_order, late.count() as u64);
    }
}
