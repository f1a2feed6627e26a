//! Nobody reads or writes what is not theirs.

use longwave_testkit::client::{Client, End, json_of};
use longwave_testkit::wire::{Hello, Version};
use serde_json::json;

use crate::rig::{Rig, longwave, run};

#[test]
fn another_users_topics_are_closed() {
    let rig = Rig::dev(&[]);
    let mut mallory = rig.device("mallory", "phone");
    for filter in ["u/bob/c/+/json", "u/bob/#", "u/bob/rpc/json", "u/bob/presence/+", "u/+/c/+/json", "u/#"] {
        let answer = mallory.subscribe(filter, 1).unwrap();
        assert!(answer.code >= 0x80 && answer.error.is_some(), "{filter}: {answer:?}");
    }
    for topic in ["u/bob/c/@alice/json", "u/bob/rpc/json", "u/bob/presence/alice"] {
        let answer = mallory.publish(topic, br#"{"body":"forged"}"#).unwrap();
        assert_eq!((answer.code, answer.error), (0x87, Some(2001)), "{topic}");
    }
    // Nothing of it has happened.
    let mut bob = rig.listener("bob", "phone");
    let listed = bob.request("conversation.list", &json!({})).unwrap();
    assert_eq!(listed["result"]["conversations"], json!([]), "{listed}");
}

#[test]
fn wildcards_that_reach_under_u_bring_plain_topics_alone() {
    let rig = Rig::dev(&[]);
    let mut mallory = rig.device("mallory", "phone");
    for filter in ["#", "+/bob/#", "+/+/c/+/json"] {
        assert!(mallory.subscribe(filter, 1).unwrap().code < 0x80, "{filter}");
    }
    let mut bob = rig.listener("bob", "phone");
    let mut alice = rig.device("alice", "laptop");
    alice.say("@bob", "for bob").unwrap();
    assert_eq!(bob.bodies(1).unwrap(), ["for bob"]);
    alice.publish("open/to/all", b"for all").unwrap();
    assert_eq!(mallory.receive().unwrap().payload, b"for all", "the first that comes");
}

#[test]
fn a_client_of_3_1_1_that_cannot_be_told_is_disconnected() {
    let rig = Rig::dev(&[]);
    let hello = Hello { version: Version::V311, ..Hello::durable("mallory", "phone") };
    let mut mallory = Client::connect(rig.mqtt(), &hello).unwrap();
    mallory.send("u/bob/c/@alice/json", br#"{"body":"forged"}"#, 1).unwrap();
    assert_eq!(mallory.end().unwrap(), End::Closed);
}

#[test]
fn groups_are_for_their_members_and_end_with_removal() {
    let rig = Rig::dev(&[]);
    let mut alice = rig.listener("alice", "laptop");
    let mut bob = rig.listener("bob", "phone");
    let mut carol = rig.listener("carol", "phone");
    let create = json!({"conv": "team", "members": ["bob"]});
    assert_eq!(alice.request("conversation.create", &create).unwrap()["result"]["seq"], 1);
    assert_eq!(alice.say("team", "for members").unwrap().code, 0);
    assert_eq!(bob.bodies(1).unwrap(), ["for members"]);

    // Carol is none: she cannot write, look, or change anything, and cannot tell the group from one that does not exist.
    assert_eq!(carol.say("team", "let me in").unwrap().error, Some(2004));
    assert_eq!(carol.say("no-such-team", "let me in").unwrap().error, Some(2004));
    for (method, params) in [
        ("conversation.get", json!({"conv": "team"})),
        ("history.page", json!({"conv": "team"})),
        ("member.add", json!({"conv": "team", "user": "carol"})),
        ("member.remove", json!({"conv": "team", "user": "bob"})),
        ("conversation.update", json!({"conv": "team", "title": "mine"})),
        ("conversation.leave", json!({"conv": "team"})),
    ] {
        let answer = carol.request(method, &params).unwrap();
        assert_eq!(answer["error"]["data"]["error"], 3005, "{method}: {answer}");
    }
    // Bob is a member without the role.
    let answer = bob.request("member.add", &json!({"conv": "team", "user": "carol"})).unwrap();
    assert_eq!(answer["error"]["data"]["error"], 2005, "{answer}");

    let removal = alice.request("member.remove", &json!({"conv": "team", "user": "bob"})).unwrap();
    let removed_at = removal["result"]["seq"].as_u64().unwrap();
    assert_eq!(alice.say("team", "without bob").unwrap().code, 0);
    assert_eq!(alice.say("@bob", "the last word").unwrap().code, 0);
    loop {
        let event = json_of(&bob.receive().unwrap());
        if event["body"] == "the last word" {
            break;
        }
        let later = event["conv"] == "team" && event["seq"].as_u64().is_some_and(|seq| seq > removed_at);
        assert!(!later, "after the removal came {event}");
    }
    assert_eq!(bob.say("team", "still here?").unwrap().error, Some(2004));
    let page = bob.request("history.page", &json!({"conv": "team"})).unwrap();
    assert!(!page.to_string().contains("without bob"), "{page}");
    // Also a session that comes back, and a device that is new, get nothing more.
    bob.leave().unwrap();
    let mut bob = rig.device("bob", "phone");
    assert_eq!(alice.say("team", "without bob again").unwrap().code, 0);
    assert_eq!(alice.say("@bob", "really the last").unwrap().code, 0);
    assert_eq!(bob.bodies(1).unwrap(), ["really the last"]);
}

#[test]
fn unknown_peers_are_refused_outside_dev() {
    let rig = Rig::secure(&["auth.failed_login_delay_millis=1"]);
    let data = rig.data();
    for user in ["alice", "bob"] {
        let mut add = std::process::Command::new(crate::rig::binary());
        add.args(["user", "add", user, "--password-stdin", "--data-dir"]).arg(&data);
        assert_eq!(run(&mut add, "correct horse\n").code, 0);
    }
    let hello = Hello::durable("alice", "laptop").with_password("correct horse");
    let mut alice = Client::connect(rig.mqtt(), &hello).unwrap();
    alice.listen().unwrap();
    assert_eq!(alice.say("@nobody", "hello?").unwrap().error, Some(2007));
    let answer = alice.request("conversation.create", &json!({"members": ["nobody"]})).unwrap();
    assert_eq!(answer["error"]["data"]["error"], 2007, "{answer}");
    // Bob has never connected, and can be written to all the same.
    assert_eq!(alice.say("@bob", "hello").unwrap().code, 0);
    let listed = longwave(&["user", "list", "--data-dir", data.to_str().unwrap()]);
    assert_eq!(listed.out, "alice\nbob\n");
}

#[test]
fn who_is_blocked_cannot_write() {
    let rig = Rig::dev(&[]);
    let mut alice = rig.listener("alice", "laptop");
    let mut bob = rig.listener("bob", "phone");
    assert_eq!(alice.say("@bob", "hello").unwrap().code, 0);
    for user in ["alice", "stranger"] {
        assert_eq!(bob.request("user.block", &json!({"user": user})).unwrap()["result"], json!({}));
    }
    assert_eq!(bob.request("me.get", &json!({})).unwrap()["result"]["blocked"], json!(["alice", "stranger"]));
    assert_eq!(alice.say("@bob", "are you there?").unwrap().error, Some(2006));
    let mut stranger = rig.device("stranger", "phone");
    assert_eq!(stranger.say("@bob", "hello").unwrap().error, Some(2006));
    assert_eq!(bob.request("user.unblock", &json!({"user": "alice"})).unwrap()["result"], json!({}));
    assert_eq!(alice.say("@bob", "at last").unwrap().code, 0);
    assert_eq!(bob.bodies(2).unwrap(), ["hello", "at last"]);
}
