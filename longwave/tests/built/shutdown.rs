//! SIGTERM, and what the admin port says before and meanwhile.

use longwave_testkit::client::End;
use longwave_testkit::http::get;
use longwave_testkit::wire::{Hello, Version};

use crate::rig::{Rig, eventually, longwave};

#[test]
fn nothing_acknowledged_before_sigterm_comes_again() {
    // Cursors would be written long after the test.
    let mut rig = Rig::dev(&["feed.flush_millis=600000"]);
    let mut bob = rig.listener("bob", "phone");
    let mut alice = rig.device("alice", "laptop");
    for number in 0..50 {
        assert_eq!(alice.say("@bob", &number.to_string()).unwrap().code, 0);
    }
    let taken = bob.bodies(30).unwrap();
    assert_eq!(taken, (0..30).map(|number| number.to_string()).collect::<Vec<_>>());
    bob.flush().unwrap();

    rig.server.stop().unwrap();
    let stopping = End::Told { code: 0x8b, error: Some(1007) };
    assert_eq!(bob.end().unwrap(), stopping);
    assert_eq!(alice.end().unwrap(), stopping);

    rig.server.restart().unwrap();
    let mut bob = rig.device("bob", "phone");
    assert!(bob.resumed);
    assert_eq!(bob.bodies(20).unwrap(), (30..50).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn who_is_there_can_be_sent_to_another_server() {
    let mut rig = Rig::dev(&["drain.server_reference=b.example.org:1883"]);
    let mut bob = rig.device("bob", "phone");
    rig.server.stop().unwrap();
    assert_eq!(bob.end().unwrap(), End::Told { code: 0x9c, error: Some(1007) });
}

#[test]
fn a_server_is_drained_by_command_and_says_how_far_it_is() {
    let mut rig = Rig::dev(&["limits.drain_per_second=4"]);
    let data = rig.data();
    let data = data.to_str().unwrap();
    assert_eq!(longwave(&["health", "--data-dir", data]).out, "ready\n");
    let mut devices: Vec<_> = (0..6).map(|number| rig.device("bob", &format!("d{number}"))).collect();
    let drained = longwave(&["drain", "--data-dir", data]);
    assert_eq!(drained.code, 0, "{drained:?}");
    assert!(drained.out.contains(" connections left") && drained.out.ends_with("gone\n"), "{drained:?}");
    for device in &mut devices {
        assert_eq!(device.end().unwrap(), End::Told { code: 0x8b, error: Some(1007) });
    }
    rig.server.wait_until_stopped().unwrap();
    for command in ["drain", "health"] {
        let nobody = longwave(&[command, "--data-dir", data]);
        assert!(nobody.code != 0 && nobody.err.contains("no server runs"), "{nobody:?}");
    }
}

#[test]
fn a_second_signal_ends_the_process_without_waiting() {
    let rig = Rig::dev(&["drain.wait_seconds=600"]);
    let admin = rig.server.plan().admin;
    let mut bob = rig.device("bob", "phone");
    rig.server.ask_to_stop().unwrap();
    eventually("unready", || matches!(get(admin, "/readyz"), Ok((503, _))));
    assert!(bob.subscribe("u/bob/c/+/json", 1).unwrap().code <= 1, "nobody is closed while balancers are waited for");
    rig.server.ask_to_stop().unwrap();
    assert_eq!(bob.end().unwrap(), End::Closed);
}

#[test]
fn a_client_of_3_1_1_is_closed_without_a_word() {
    let mut rig = Rig::dev(&[]);
    let hello = Hello { version: Version::V311, ..Hello::durable("bob", "phone") };
    let mut bob = longwave_testkit::client::Client::connect(rig.mqtt(), &hello).unwrap();
    rig.server.stop().unwrap();
    assert_eq!(bob.end().unwrap(), End::Closed);
}

#[test]
fn health_and_metrics() {
    // Slow enough that the stop can be watched.
    let mut rig = Rig::dev(&["limits.drain_per_second=1"]);
    let admin = rig.server.plan().admin;
    assert_eq!(get(admin, "/livez").unwrap().0, 200);
    assert_eq!(get(admin, "/readyz").unwrap(), (200, "ready\n".to_owned()));
    assert_eq!(get(admin, "/v1/users").unwrap().0, 404, "operators' requests are for the socket");

    let _bob = rig.listener("bob", "phone");
    let mut others: Vec<_> = (0..4).map(|number| rig.device("alice", &format!("d{number}"))).collect();
    assert_eq!(others[0].say("@bob", "hello").unwrap().code, 0);
    for (name, least) in [
        ("longwave_sessions_connected", 5.0),
        ("longwave_publishes_accepted_total", 1.0),
        ("longwave_entries_total", 2.0),
        ("longwave_store_commits_total", 1.0),
        ("longwave_store_free_bytes", 1.0),
        ("longwave_connections{transport=\"tcp\"}", 5.0),
    ] {
        // A connection counts what it did after it has done it.
        eventually(name, || {
            let (_, metrics) = get(admin, "/metrics").unwrap();
            let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
            value.is_some_and(|value| value >= least)
        });
    }
    let (status, metrics) = get(admin, "/metrics").unwrap();
    assert_eq!(status, 200);
    assert!(metrics.ends_with("# EOF\n"));

    rig.server.ask_to_stop().unwrap();
    eventually(
        "/readyz says stopping",
        || matches!(get(admin, "/readyz"), Ok((503, reason)) if reason.contains("stopping")),
    );
    assert_eq!(get(admin, "/livez").unwrap().0, 200);
    rig.server.wait_until_stopped().unwrap();
    assert!(!rig.data().join("admin.sock").exists());
}
