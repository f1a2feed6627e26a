//! The generator against a stand-in server that commits one planted fault: each must show, and show as itself.
//!
//! Without a fault the same runs must be clean; so a check that always fails, or never does, fails here.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod broker;

use std::thread;

use broker::{Broker, Fault};
use longwave_benches::ledger::Verdict;
use longwave_benches::offline::{self, OfflineReport, OfflineSettings};
use longwave_benches::pairs::{self, PairsReport, PairsSettings};
use longwave_benches::target::Target;
use longwave_benches::topics::TopicScheme;
use longwave_benches::wire::Version;

fn target(broker: &Broker) -> Target {
    Target {
        address: broker.address,
        topics: TopicScheme::Plain,
        mqtt: Version::V4,
        durable: false,
        expiry: 60,
        keep_alive: 60,
        receive_maximum: None,
        password: None,
        server_pid: None,
    }
}

fn run_pairs(fault: Fault, rate: Option<f64>) -> PairsReport {
    let broker = Broker::start(fault);
    pairs::run(&pairs_settings(&broker, rate)).unwrap()
}

fn pairs_settings(broker: &Broker, rate: Option<f64>) -> PairsSettings {
    PairsSettings {
        target: target(broker),
        connections: 4,
        one_way: false,
        body: 64,
        window: Some(2),
        rate,
        warm_up: 0.1,
        measure: 0.6,
        quiet: 4.0,
        drain: 20.0,
        threads: 1,
    }
}

fn run_offline(fault: Fault) -> OfflineReport {
    let broker = Broker::start(fault);
    let target = target(&broker);
    offline::run(&OfflineSettings { target, messages: 300, body: 64, window: 10, settle: 0.0, quiet: 4.0 }).unwrap()
}

/// Lost, duplicates, out of order, stray, refused, unanswered.
fn counts(verdict: &Verdict) -> [u64; 6] {
    let Verdict { lost, duplicates, out_of_order, stray, refused, unanswered, .. } = *verdict;
    [lost, duplicates, out_of_order, stray, refused, unanswered]
}

#[test]
fn without_a_fault_pairs_are_clean_in_both_loops() {
    for rate in [None, Some(200.0)] {
        let report = run_pairs(Fault::None, rate);
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.verdict.sent, report.verdict.delivered, "{report}");
        assert!(report.send_to_ack.count > 0 && report.send_to_deliver.count > 0, "{report}");
    }
}

#[test]
fn one_way_pairs_on_two_threads_add_up() {
    let broker = Broker::start(Fault::None);
    let settings = PairsSettings { one_way: true, threads: 2, ..pairs_settings(&broker, Some(500.0)) };
    let report = pairs::run(&settings).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.senders, report.verdict.sent), (2, 350), "both threads together keep the rate: {report}");
}

#[test]
fn an_open_loop_makes_every_message_that_was_due() {
    let report = run_pairs(Fault::None, Some(500.0));
    assert_eq!(report.verdict.sent, 350, "0.7 s at 500 msg/s: {report}");
    assert_eq!(report.send_to_deliver.count, 300, "those due in the 0.6 s that are measured: {report}");
}

#[test]
fn each_planted_fault_of_pairs_is_counted_as_itself() {
    let cases = [
        (Fault::Lose, [1, 0, 0, 0, 0, 0]),
        (Fault::Repeat, [0, 1, 0, 0, 0, 0]),
        (Fault::Swap, [0, 0, 1, 0, 0, 0]),
        // Its content is gone: the message is lost, and what came instead is nobody's.
        (Fault::Damage, [1, 0, 0, 1, 0, 0]),
        (Fault::Misroute, [1, 0, 0, 1, 0, 0]),
        (Fault::KeepPuback, [0, 0, 0, 0, 0, 1]),
    ];
    // Side by side, because a generator that misses something waits some seconds for it.
    thread::scope(|scope| {
        for (fault, expected) in cases {
            scope.spawn(move || {
                let report = run_pairs(fault, None);
                assert_eq!(counts(&report.verdict), expected, "{fault:?}: {report}");
                assert!(!report.is_clean(), "{fault:?}: {report}");
            });
        }
    });
}

#[test]
fn a_puback_for_nothing_and_a_closed_connection_show() {
    let report = run_pairs(Fault::ForeignPuback, None);
    assert!(report.wrong_pubacks == 1 && !report.is_clean(), "{report}");
    let report = run_pairs(Fault::Close, None);
    assert!(report.closed_count == 1 && !report.is_clean(), "{report}");
}

#[test]
fn a_device_that_was_away_gets_everything_once() {
    let report = run_offline(Fault::None);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.verdict.delivered, 300);
}

#[test]
fn each_planted_fault_of_a_device_that_was_away_is_counted_as_itself() {
    let cases =
        [(Fault::Lose, [1, 0, 0, 0, 0, 0]), (Fault::Repeat, [0, 1, 0, 0, 0, 0]), (Fault::Swap, [0, 0, 1, 0, 0, 0])];
    for (fault, expected) in cases {
        let report = run_offline(fault);
        assert_eq!(counts(&report.verdict), expected, "{fault:?}: {report}");
        assert!(!report.is_clean(), "{fault:?}: {report}");
    }
    let report = run_offline(Fault::Forget);
    assert_eq!(report.came_again, 300, "acknowledgements forgotten: {report}");
    assert!(!report.is_clean());
}
