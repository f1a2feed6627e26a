//! A backup while everything is in motion, what it brings back, and what is no backup.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use longwave_testkit::client::{Client, json_of};
use longwave_testkit::server::{Server, ServerPlan};
use longwave_testkit::wire::Hello;

use crate::rig::{Ended, Rig, binary, longwave};

fn on(data: &Path, arguments: &[&str]) -> Ended {
    let mut all = arguments.to_vec();
    all.extend(["--data-dir", data.to_str().unwrap()]);
    longwave(&all)
}

#[test]
fn a_device_goes_on_where_it_was_on_a_restored_store() {
    let rig = Rig::dev(&[]);
    let mut bob = rig.listener("bob", "phone");
    let mut alice = rig.device("alice", "laptop");
    for number in 0..200 {
        assert_eq!(alice.say("@bob", &number.to_string()).unwrap().code, 0);
    }
    assert_eq!(bob.bodies(150).unwrap().last().unwrap(), "149");
    bob.flush().unwrap();
    drop(bob);
    // The cursor is written with the session's end, before it can be resumed.
    drop(rig.device("bob", "phone"));

    // Under load, and what was acknowledged before the backup began is in it.
    let file = rig.directory.path().join("backup");
    let stop = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut number = 200;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(alice.say("@bob", &number.to_string()).unwrap().code, 0);
                number += 1;
            }
            number
        });
        let saved = on(&rig.data(), &["backup", "--to", file.to_str().unwrap()]);
        let audited = on(&rig.data(), &["audit"]);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(saved.code, 0, "{saved:?}");
        assert_eq!(audited.code, 0, "{audited:?}");
        load.join().unwrap()
    });
    assert_ne!(on(&rig.data(), &["backup", "--to", file.to_str().unwrap()]).code, 0, "it exists");

    let mut plan = ServerPlan::new(binary(), &rig.directory.path().join("restored")).unwrap();
    std::fs::create_dir(rig.directory.path().join("restored")).unwrap();
    plan.arguments = crate::rig::set(&[]);
    let restored = on(&plan.data, &["restore", "--from", file.to_str().unwrap()]);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert_eq!(on(&plan.data, &["audit"]).code, 0);
    assert_ne!(on(&plan.data, &["restore", "--from", file.to_str().unwrap()]).code, 0, "it is not empty");

    let server = Server::start(plan).unwrap();
    let mut bob = Client::connect(server.plan().mqtt, &Hello::durable("bob", "phone")).unwrap();
    assert!(bob.resumed);
    let mut alice = Client::connect(server.plan().mqtt, &Hello::durable("alice", "laptop")).unwrap();
    let receipt = alice.say("@bob", "on the restored one").unwrap();
    assert_eq!(receipt.code, 0);
    let mut next = 150;
    loop {
        let event = json_of(&bob.receive().unwrap());
        if event["body"] == "on the restored one" {
            break;
        }
        if event["type"] == "message" {
            assert_eq!(event["body"], next.to_string(), "{event}");
            next += 1;
        }
    }
    assert!((200..=sent).contains(&next), "{next} of {sent}");
    drop(server);
    let data = rig.directory.path().join("restored/data");
    let audited = on(&data, &["audit"]);
    assert_eq!(audited.code, 0, "{audited:?}");
}

#[test]
fn what_is_no_whole_backup_is_refused_and_makes_no_store() {
    let mut rig = Rig::dev(&[]);
    let mut alice = rig.device("alice", "laptop");
    for number in 0..50 {
        assert_eq!(alice.say("@bob", &number.to_string()).unwrap().code, 0);
    }
    rig.server.stop().unwrap();
    let directory = rig.directory.path();
    let file = directory.join("backup");
    assert_eq!(on(&rig.data(), &["backup", "--to", file.to_str().unwrap()]).code, 0);
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let damaged = [
        ("empty", Vec::new()),
        ("cut", whole[..whole.len() - 1].to_vec()),
        ("half", whole[..middle].to_vec()),
        ("flipped", flipped),
        ("text", b"something else".to_vec()),
    ];
    for (name, bytes) in damaged {
        let (file, data) = (directory.join(name), directory.join(format!("data-{name}")));
        std::fs::write(&file, bytes).unwrap();
        let ended = on(&data, &["restore", "--from", file.to_str().unwrap()]);
        assert_eq!(ended.code, 1, "{name}: {ended:?}");
        assert!(ended.err.contains(file.to_str().unwrap()), "{name}: {ended:?}");
        assert!(!data.join("store").exists(), "{name} left a store behind");
    }
    let data = directory.join("data-whole");
    assert_eq!(on(&data, &["restore", "--from", file.to_str().unwrap()]).code, 0);
    let first = on(&rig.data(), &["audit"]);
    assert_eq!(first.code, 0, "{first:?}");
    assert_eq!(first.out, on(&data, &["audit"]).out);
}
