//! Several devices of one user, and what its peers learn of them.

use longwave_testkit::client::{Client, End, json_of};
use longwave_testkit::wire::{Hello, Publish};
use serde_json::json;

use crate::rig::Rig;

#[test]
fn own_messages_reach_the_other_device_and_not_the_sending_one() {
    let rig = Rig::dev(&[]);
    let (mut laptop, mut tablet) = (rig.listener("alice", "laptop"), rig.listener("alice", "tablet"));
    assert_eq!(laptop.say("@bob", "from the laptop").unwrap().code, 0);
    let copy = tablet.event("message").unwrap();
    assert_eq!((&copy["conv"], &copy["from"], &copy["device"]), (&json!("@bob"), &json!("alice"), &json!("laptop")));
    assert_eq!(tablet.say("@bob", "from the tablet").unwrap().code, 0);
    // The laptop's own message would have come before this one.
    assert_eq!(laptop.bodies(1).unwrap(), ["from the tablet"]);
}

#[test]
fn the_puback_is_the_senders_delivered_mark_also_when_the_sender_was_away() {
    let rig = Rig::dev(&[]);
    let mut bob = rig.listener("bob", "phone");
    let mut alice = rig.listener("alice", "laptop");
    let seq = alice.say("@bob", "one").unwrap().seq.unwrap();
    let delivery = bob.receive_unacknowledged().unwrap();
    assert_eq!(json_of(&delivery)["seq"], seq);
    bob.acknowledge(&delivery).unwrap();
    let mark = alice.event("mark").unwrap();
    assert_eq!(mark, json!({"type": "mark", "conv": "@bob", "from": "bob", "delivered": seq}));

    let seq = alice.say("@bob", "two").unwrap().seq.unwrap();
    alice.leave().unwrap();
    assert_eq!(bob.bodies(1).unwrap(), ["two"]);
    assert_eq!(bob.command("@alice", &json!({"type": "read", "seq": seq})).unwrap().code, 0);
    // Leaving writes the cursor, and with it the mark.
    bob.leave().unwrap();
    let mut alice = rig.device("alice", "laptop");
    let mut mark = alice.event("mark").unwrap();
    while mark["delivered"] != seq || mark["read"] != seq {
        mark = alice.event("mark").unwrap();
    }
    assert_eq!((&mark["conv"], &mark["from"]), (&json!("@bob"), &json!("bob")));
}

#[test]
fn read_marks_reach_the_peer_and_the_own_other_device() {
    let rig = Rig::dev(&[]);
    let (mut phone, mut tablet) = (rig.listener("bob", "phone"), rig.listener("bob", "tablet"));
    let mut alice = rig.listener("alice", "laptop");
    let seq = alice.say("@bob", "read me").unwrap().seq.unwrap();
    assert_eq!(phone.bodies(1).unwrap(), ["read me"]);
    let read = json!({"type": "read", "seq": seq});
    assert_eq!(phone.command("@alice", &read).unwrap().code, 0);
    for client in [&mut alice, &mut tablet] {
        let mut mark = client.event("mark").unwrap();
        while mark["read"] != seq {
            mark = client.event("mark").unwrap();
        }
        assert_eq!(mark["from"], "bob");
    }
    let refused = phone.command("@alice", &json!({"type": "read", "seq": seq + 1})).unwrap();
    assert_eq!(refused.error, Some(2011));
}

#[test]
fn typing_comes_at_qos_0_and_leaves_nothing() {
    let rig = Rig::dev(&[]);
    let mut alice = rig.listener("alice", "laptop");
    let mut bob = rig.listener("bob", "phone");
    let first = alice.say("@bob", "hello").unwrap().seq.unwrap();
    bob.bodies(1).unwrap();
    alice.send("u/alice/c/@bob/json", br#"{"type":"typing"}"#, 0).unwrap();
    let typing = loop {
        let publish = bob.receive().unwrap();
        if json_of(&publish)["type"] == "typing" {
            break publish;
        }
    };
    assert_eq!((typing.qos, typing.topic.as_str()), (0, "u/bob/c/@alice/json"));
    assert_eq!(json_of(&typing), json!({"type": "typing", "conv": "@alice", "from": "alice"}));
    assert_eq!(alice.say("@bob", "again").unwrap().seq, Some(first + 1));
}

#[test]
fn presence_is_told_among_people_who_talk() {
    let rig = Rig::dev(&["feed.presence_seconds=1"]);
    let mut alice = rig.device("alice", "laptop");
    assert_eq!(alice.say("@bob", "hello").unwrap().code, 0);
    // A stranger's presence would be told at the same time.
    let _mallory = rig.device("mallory", "phone");
    assert!(alice.subscribe("u/alice/presence/+", 0).unwrap().code <= 1);
    let told = |client: &mut Client, wanted: &str| {
        let publish: Publish = loop {
            let publish = client.receive().unwrap();
            if publish.payload.starts_with(wanted.as_bytes()) {
                break publish;
            }
            assert!(publish.topic.ends_with("/bob") || publish.topic.ends_with("/alice"), "{publish:?}");
        };
        assert_eq!(publish.qos, 0);
        publish.topic
    };
    let bob = rig.device("bob", "phone");
    assert_eq!(told(&mut alice, "online"), "u/alice/presence/bob");
    bob.leave().unwrap();
    assert_eq!(told(&mut alice, "offline "), "u/alice/presence/bob");
}

#[test]
fn a_second_device_begins_with_what_no_device_has_had() {
    let rig = Rig::dev(&[]);
    let mut alice = rig.device("alice", "laptop");
    for body in ["one", "two", "three"] {
        assert_eq!(alice.say("@bob", body).unwrap().code, 0);
    }
    // The first device of all gets everything, and here acknowledges only a part.
    let mut phone = rig.listener("bob", "phone");
    assert_eq!(phone.bodies(2).unwrap(), ["one", "two"]);
    phone.flush().unwrap();
    let mut tablet = rig.listener("bob", "tablet");
    assert_eq!(tablet.bodies(1).unwrap(), ["three"]);
    let page = tablet.request("history.page", &json!({"conv": "@alice"})).unwrap();
    let bodies: Vec<_> = page["result"]["events"].as_array().unwrap().iter().map(|event| &event["body"]).collect();
    assert_eq!(bodies, ["one", "two", "three"]);
    assert_eq!(phone.bodies(1).unwrap(), ["three"]);
}

#[test]
fn a_live_only_session_leaves_no_trace() {
    let rig = Rig::dev(&[]);
    let mut alice = rig.device("alice", "laptop");
    let mut phone = rig.listener("bob", "phone");
    assert_eq!(alice.say("@bob", "for the phone").unwrap().code, 0);
    let owed = phone.receive_unacknowledged().unwrap();
    assert_eq!(json_of(&owed)["body"], "for the phone");
    drop(phone);

    let mut tab = Client::connect(rig.mqtt(), &Hello::live_only("bob", "tab")).unwrap();
    tab.listen().unwrap();
    assert_eq!(alice.say("@bob", "live").unwrap().code, 0);
    assert_eq!(tab.bodies(1).unwrap(), ["live"]);
    tab.leave().unwrap();
    let tab = Client::connect(rig.mqtt(), &Hello { clean: false, ..Hello::live_only("bob", "tab") }).unwrap();
    assert!(!tab.resumed);

    let mut phone = rig.device("bob", "phone");
    assert!(phone.resumed);
    assert_eq!(phone.bodies(2).unwrap(), ["for the phone", "live"]);
}

#[test]
fn what_was_not_acknowledged_comes_again_in_order() {
    let rig = Rig::dev(&[]);
    let mut alice = rig.device("alice", "laptop");
    let mut bob = rig.listener("bob", "phone");
    for number in 0..5 {
        assert_eq!(alice.say("@bob", &number.to_string()).unwrap().code, 0);
    }
    assert_eq!(bob.bodies(2).unwrap(), ["0", "1"]);
    bob.flush().unwrap();
    let third = bob.receive_unacknowledged().unwrap();
    assert_eq!(json_of(&third)["body"], "2");
    drop(bob);
    let mut bob = rig.device("bob", "phone");
    assert_eq!(bob.bodies(3).unwrap(), ["2", "3", "4"]);
}

#[test]
fn the_same_client_id_takes_over() {
    let rig = Rig::dev(&[]);
    let mut first = rig.listener("bob", "phone");
    let mut second = rig.device("bob", "phone");
    assert_eq!(first.end().unwrap(), End::Told { code: 0x8e, error: Some(1006) });
    assert!(second.resumed);
    let mut alice = rig.device("alice", "phone");
    assert_eq!(alice.say("@bob", "same client id, other user").unwrap().code, 0);
    assert_eq!(second.bodies(1).unwrap(), ["same client id, other user"]);
}
