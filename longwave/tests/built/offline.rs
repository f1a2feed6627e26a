//! A device that is away costs no memory, neither while its messages arrive nor while it drains them.

use std::fmt::Write as _;

use longwave_testkit::client::json_of;
use serde_json::json;

use crate::rig::{Rig, figure};

const MESSAGES: usize = 20_000;
const BODY_BYTES: usize = 512;

#[test]
fn twenty_thousand_messages_for_a_device_that_is_away() {
    let rig = Rig::dev(&[]);
    rig.listener("bob", "phone").leave().unwrap();
    let mut alice = rig.device("alice", "laptop");
    let filler = "x".repeat(BODY_BYTES);
    let body = |number: usize| json!({"body": format!("{number} {filler}")}).to_string();

    let mut table = String::new();
    let mut note = |when: &str| {
        let resident = resident_kib(rig.server.pid().unwrap());
        let _ = writeln!(table, "  {when:<22} {:>7.1} MiB", resident as f64 / 1024.0);
        resident
    };
    note("before");
    // As many at once as the server allows.
    let mut waiting = std::collections::VecDeque::new();
    let mut settled = 0;
    for number in 0..MESSAGES {
        if waiting.len() == 100 {
            assert_eq!(alice.answer(waiting.pop_front().unwrap()).unwrap().code, 0);
        }
        waiting.push_back(alice.send("u/alice/c/@bob/json", body(number).as_bytes(), 1).unwrap());
        if number + 1 == MESSAGES / 4 {
            settled = note("a quarter has arrived");
        }
    }
    for id in waiting {
        assert_eq!(alice.answer(id).unwrap().code, 0);
    }
    let arrived = note("all have arrived");

    let mut bob = rig.device("bob", "phone");
    let mut draining = 0;
    for number in 0..MESSAGES {
        let event = json_of(&bob.receive().unwrap());
        let text = event["body"].as_str().unwrap_or_default();
        assert_eq!(text.split(' ').next(), Some(number.to_string().as_str()), "{event}");
        if number == MESSAGES / 2 {
            draining = note("half is drained");
        }
    }
    let drained = note("all is drained");
    figure(&format!("resident memory of the server, {MESSAGES} messages of {BODY_BYTES} bytes:\n{table}"));
    // Copies for the device would be 10 MiB at the least; caches of the store fill up to a bound of their own.
    let most = [arrived, draining, drained].into_iter().max().unwrap();
    assert!(most < settled * 3, "memory grows with what a device is owed:\n{table}");
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
