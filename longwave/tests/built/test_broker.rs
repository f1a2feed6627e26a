//! `--test-broker`: open on loopback to anybody, and shut where something is to be kept.

use std::process::Command;

use longwave_testkit::client::{Client, End};
use longwave_testkit::server::ServerPlan;
use longwave_testkit::wire::Hello;

use crate::rig::{Rig, binary, longwave, run};

fn open(plan: &mut ServerPlan) {
    plan.dev = false;
    plan.arguments.push("--test-broker".to_owned());
}

#[test]
fn anybody_is_let_in_and_a_client_id_is_one_client() {
    let rig = Rig::with(open);
    let nameless = Hello { user: None, ..Hello::live_only("", "one") };
    let mut first = Client::connect(rig.mqtt(), &nameless).unwrap();
    assert_eq!(first.subscribe("a/#", 2).unwrap().code, 2);
    assert_eq!(first.subscribe("test/nosubscribe", 1).unwrap().code, 0x87);
    let mut publisher = Client::connect(rig.mqtt(), &Hello { device: "two".into(), ..nameless.clone() }).unwrap();
    assert_eq!(publisher.publish("a/b", b"hello").unwrap().code, 0);
    assert_eq!(first.receive().unwrap().payload, b"hello");
    let named = Hello::live_only("user", "one").with_password("password");
    let _second = Client::connect(rig.mqtt(), &named).unwrap();
    assert_eq!(first.end().unwrap(), End::Told { code: 0x8e, error: Some(1006) });
    for wrong in [Hello::live_only("user", "three").with_password("guess"), Hello::live_only("alice", "three")] {
        let refused = Client::try_connect(rig.mqtt(), &wrong).unwrap().err().unwrap();
        assert_eq!((refused.code, refused.error), (0x86, Some(1001)));
    }
}

#[test]
fn nothing_that_keeps_somebody_out_goes_with_it() {
    for (arguments, part) in [
        (&["serve", "--test-broker", "--set", "auth.password_checks=4"][..], "auth"),
        (&["serve", "--test-broker", "--set", "auth.jwt.key_file=key"], "auth"),
        (&["serve", "--test-broker", "--set", "listen.mqtt=0.0.0.0:1883"], "listen.mqtt"),
        (&["serve", "--set", "test_broker.user=alice"], "test_broker"),
        (&["broker", "--test-broker"], "cassandra"),
    ] {
        let ended = longwave(&[arguments, &["--check-config"]].concat());
        assert_ne!(ended.code, 0, "{arguments:?}");
        assert!(ended.err.contains(part) && ended.err.contains("error 5001"), "{arguments:?}: {}", ended.err);
    }
}

#[test]
fn a_store_with_users_stays_shut() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut add = Command::new(binary());
    add.args(["user", "add", "alice", "--password-stdin", "--data-dir"]).arg(&data);
    assert_eq!(run(&mut add, "alices password\n").code, 0);
    let mut serve = vec!["serve", "--test-broker", "--data-dir", data.to_str().unwrap()];
    for listener in ["listen.mqtt=127.0.0.1:0", "listen.websocket=127.0.0.1:0", "listen.admin=127.0.0.1:0"] {
        serve.extend(["--set", listener]);
    }
    let ended = longwave(&serve);
    assert_ne!(ended.code, 0);
    assert!(ended.err.contains("has local users") && ended.err.contains("error 5001"), "{}", ended.err);
}
