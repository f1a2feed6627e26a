//! Every verb against the contract in `mqtt-topics.md`.

use bytes::Bytes;
use longwave_model::ErrorCode;
use longwave_persistence::{Expected, Registers};
use longwave_port::{Answer, PublishProperties, Recipients};
use serde_json::{Value, json};

use super::METHODS;
use crate::testing::{World, with_properties};
use crate::{BridgeSettings, DirectPolicy, UnknownPeers};

mod history;
mod membership;
mod push;

async fn known(world: &World, users: &[&str]) {
    for user in users {
        let key = format!("user/{user}/profile");
        world.store.put(&key, Some(Bytes::from_static(b"{}")), Expected::Any).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_contract_names_every_verb_and_no_other() {
    let contract = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../mqtt-topics.md")).unwrap();
    let table = contract.split("| method | params |").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut named: Vec<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .flat_map(|line| line.split('|').next().unwrap().split(['`', ',', ' ']))
        .filter(|name| name.contains('.'))
        .collect();
    named.sort_unstable();
    let mut methods = METHODS.to_vec();
    methods.push("session.renew");
    methods.sort_unstable();
    assert_eq!(named, methods);
    let world = World::new();
    let alice = world.device("alice", "laptop");
    assert_eq!(alice.rpc("conversation.destroy", json!({})).await, Err(3001));
    for method in methods {
        assert_eq!(alice.rpc(method, json!({"no_such_parameter": 1})).await, Err(3002), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_created_once() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "laptop"), world.device("bob", "phone"));
    let params = json!({"conv": "team", "title": "Team", "members": ["bob", "carol", "bob", "alice"]});
    let expected = json!({"conv": "team", "kind": "group", "seq": 1});
    assert_eq!(alice.rpc("conversation.create", params.clone()).await, Ok(expected.clone()));
    assert_eq!(alice.rpc("conversation.create", params.clone()).await, Ok(expected), "asked again");
    assert_eq!(bob.rpc("conversation.create", params).await, Err(3003));
    assert_eq!(alice.rpc("conversation.create", json!({"conv": "team", "kind": "channel"})).await, Err(3003));
    assert_eq!(world.store.journal().len(), 1);
    let got = bob.rpc("conversation.get", json!({"conv": "team"})).await.unwrap();
    assert_eq!(got["role"], "member");
    assert_eq!(got["title"], "Team");
    assert_eq!(got["creator"], "alice");
    assert_eq!(got["members"].as_array().unwrap().len(), 3);
    for (params, code) in [
        (json!({"conv": "@bob"}), 3002),
        (json!({"kind": "direct"}), 3002),
        (json!({"title": "x".repeat(257)}), 3002),
        (json!({"members": ["a/b"]}), 3002),
    ] {
        assert_eq!(alice.rpc("conversation.create", params.clone()).await, Err(code), "{params}");
    }
    let made = alice.rpc("conversation.create", json!({})).await.unwrap();
    assert_eq!(made["conv"].as_str().unwrap().len(), 26);
}

#[tokio::test(start_paused = true)]
async fn a_group_has_a_limit() {
    let settings =
        BridgeSettings { unknown_peers: UnknownPeers::Allowed, group_members: 3, ..BridgeSettings::default() };
    let world = World::with(settings);
    let alice = world.device("alice", "laptop");
    let members = json!(["b", "c", "d"]);
    assert_eq!(alice.rpc("conversation.create", json!({"conv": "t", "members": members})).await, Err(3004));
    alice.rpc("conversation.create", json!({"conv": "t", "members": ["b", "c"]})).await.unwrap();
    assert_eq!(alice.rpc("member.add", json!({"conv": "t", "user": "d"})).await, Err(3004));
    alice.rpc("conversation.update", json!({"conv": "t", "kind": "channel"})).await.unwrap();
    assert_eq!(alice.rpc("member.add", json!({"conv": "t", "user": "d"})).await, Ok(json!({"seq": 3})));
}

#[tokio::test(start_paused = true)]
async fn becoming_a_channel_tells_the_members_once_more() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    alice.rpc("conversation.create", json!({"conv": "t", "members": ["bob"]})).await.unwrap();
    alice.rpc("conversation.update", json!({"conv": "t", "kind": "channel"})).await.unwrap();
    alice.send("t", "m1", "x").await.unwrap();
    let told = world.notes.entries.lock().clone();
    assert!(matches!(&told[1].1, Recipients::Users(users) if users.len() == 2));
    assert!(matches!(&told[2].1, Recipients::Interested));
    assert_eq!(alice.rpc("conversation.update", json!({"conv": "t", "kind": "group"})).await, Err(3002));
    assert_eq!(alice.rpc("conversation.update", json!({"conv": "t"})).await, Err(3002));
    let listed = world.device("bob", "phone").rpc("conversation.list", json!({})).await.unwrap();
    assert_eq!(listed["conversations"], json!([{"conv": "t", "kind": "channel", "head": 3, "read": 0}]));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_blocked_cannot_write_from_the_response_on() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "laptop"), world.device("bob", "phone"));
    alice.send("@bob", "m1", "x").await.unwrap();
    assert_eq!(bob.rpc("user.block", json!({"user": "alice"})).await, Ok(json!({})));
    assert_eq!(alice.send("@bob", "m2", "x").await, Err(ErrorCode::Blocked));
    assert_eq!(alice.send("@bob", "m1", "x").await, Ok(2), "a retry is still answered");
    assert!(bob.send("@alice", "m1", "x").await.is_ok());
    assert_eq!(bob.rpc("user.block", json!({"user": "alice"})).await, Ok(json!({})));
    let me = bob.rpc("me.get", json!({})).await.unwrap();
    assert_eq!(me, json!({"user": "bob", "device": "phone", "blocked": ["alice"]}));
    assert_eq!(bob.rpc("user.unblock", json!({"user": "alice"})).await, Ok(json!({})));
    assert!(alice.send("@bob", "m2", "x").await.is_ok());
    assert_eq!(bob.rpc("user.block", json!({"user": "dave"})).await, Ok(json!({})));
    assert_eq!(world.device("dave", "d").send("@bob", "m", "x").await, Err(ErrorCode::Blocked), "before the first");
}

#[tokio::test(start_paused = true)]
async fn unknown_users_are_refused_outside_dev() {
    let world = World::with(BridgeSettings::default());
    known(&world, &["alice", "bob"]).await;
    let alice = world.device("alice", "laptop");
    assert_eq!(alice.send("@carol", "m1", "x").await, Err(ErrorCode::UnknownPeer));
    assert_eq!(alice.send("@bob", "m1", "x").await, Ok(2));
    assert_eq!(alice.rpc("conversation.create", json!({"conv": "t", "members": ["carol"]})).await, Err(2007));
    alice.rpc("conversation.create", json!({"conv": "t", "members": ["bob"]})).await.unwrap();
    assert_eq!(alice.rpc("member.add", json!({"conv": "t", "user": "carol"})).await, Err(2007));
    assert_eq!(alice.rpc("user.block", json!({"user": "carol"})).await, Err(2007));
    known(&world, &["carol"]).await;
    assert_eq!(alice.send("@carol", "m1", "x").await, Ok(2), "the refusal is not remembered");
    assert!(alice.rpc("member.add", json!({"conv": "t", "user": "carol"})).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_may_open_a_direct_conversation_is_a_setting() {
    for (direct, stranger, fellow) in [
        (DirectPolicy::Anyone, Ok(2), Ok(2)),
        (DirectPolicy::SharedGroup, Err(ErrorCode::DirectClosed), Ok(2)),
        (DirectPolicy::NobodyNew, Err(ErrorCode::DirectClosed), Err(ErrorCode::DirectClosed)),
    ] {
        let settings = BridgeSettings { unknown_peers: UnknownPeers::Allowed, direct, ..BridgeSettings::default() };
        let world = World::with(settings);
        let alice = world.device("alice", "laptop");
        alice.rpc("conversation.create", json!({"conv": "team", "members": ["bob"]})).await.unwrap();
        assert_eq!(alice.send("@carol", "m1", "x").await, stranger, "{direct:?}");
        assert_eq!(alice.send("@bob", "m1", "x").await, fellow, "{direct:?}");
        assert_eq!(alice.send("@alice", "m1", "x").await, Ok(2), "{direct:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn conversations_are_listed_in_pages() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    for n in 0..7 {
        alice.send(&format!("@peer{n}"), "m1", "x").await.unwrap();
    }
    alice.rpc("conversation.create", json!({"conv": "team", "title": "Team", "members": ["bob"]})).await.unwrap();
    alice.command("@peer3", json!({"type": "read", "seq": 2})).await;
    let (mut listed, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = alice.rpc("conversation.list", json!({"limit": 3, "after": after})).await.unwrap();
        listed.extend(page["conversations"].as_array().unwrap().iter().cloned());
        match page.get("next") {
            Some(next) => after = next.clone(),
            None => break,
        }
    }
    assert_eq!(listed.len(), 8);
    assert_eq!(listed[3], json!({"conv": "@peer3", "kind": "direct", "head": 2, "read": 2}));
    assert_eq!(listed[7], json!({"conv": "team", "kind": "group", "title": "Team", "head": 1, "read": 0}));
    alice.rpc("member.add", json!({"conv": "team", "user": "carol", "role": "owner"})).await.unwrap();
    alice.rpc("conversation.leave", json!({"conv": "team"})).await.unwrap();
    let left = alice.rpc("conversation.list", json!({})).await.unwrap();
    assert_eq!(left["conversations"].as_array().unwrap().len(), 7);
    for limit in [0, 201] {
        assert_eq!(alice.rpc("conversation.list", json!({"limit": limit})).await, Err(3002));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_only_for_itself() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    let renew = |token: &str| {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "session.renew", "params": {"token": token}});
        alice.hand(alice.publish("u/alice/rpc/json", &request.to_string()))
    };
    for (token, until) in [
        ("alice", Some(9_000_000_000_000)),
        ("alice/laptop", Some(9_000_000_000_000)),
        ("alice/phone", None),
        ("bob", None),
        ("alice!", None),
        ("", None),
    ] {
        let answer = renew(token).await.unwrap();
        let Answer::Done { renewed_until, notice: Some(_) } = answer else { panic!("{answer:?}") };
        assert_eq!(renewed_until, until, "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn responses_go_where_they_are_asked_to() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    let request = r#"{"jsonrpc":"2.0","id":"a","method":"me.get"}"#;
    let with = |topic: &str| {
        let properties = PublishProperties {
            response_topic: Some(topic.into()),
            correlation_data: Some("c1".into()),
            ..Default::default()
        };
        alice.hand(with_properties(alice.publish("u/alice/rpc/json", request), properties))
    };
    let answer = with("u/alice/rpc/msg").await.unwrap();
    let Answer::Done { notice: Some(notice), .. } = answer else { panic!("{answer:?}") };
    assert_eq!((notice.topic.as_str(), notice.correlation_data.as_deref()), ("u/alice/rpc/msg", Some(&b"c1"[..])));
    assert_ne!(notice.payload[0], b'{', "in the encoding of that topic");
    for topic in ["u/bob/rpc/json", "u/alice/c/@bob/json", "elsewhere"] {
        let answer = with(topic).await.unwrap();
        assert!(
            matches!(&answer, Answer::Refused { refusal, .. } if refusal.code == ErrorCode::NotYourTopic),
            "{topic}"
        );
    }
    let notification = alice.publish("u/alice/rpc/json", r#"{"jsonrpc":"2.0","method":"me.get"}"#);
    assert!(matches!(alice.hand(notification).await.unwrap(), Answer::Done { notice: None, .. }));
    let garbage = alice.hand(alice.publish("u/alice/rpc/json", "{")).await.unwrap();
    assert!(matches!(garbage, Answer::Done { notice: Some(_), .. }));
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_session_are_done_in_order_and_bounded() {
    let world = World::with(BridgeSettings {
        unknown_peers: UnknownPeers::Allowed,
        queued_requests: 20,
        ..BridgeSettings::default()
    });
    let alice = world.device("alice", "laptop");
    let ask = |method: &str, params: Value| {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        alice.hand(alice.publish("u/alice/rpc/json", &request.to_string()))
    };
    let mut waiting = vec![ask("conversation.create", json!({"conv": "t"}))];
    waiting.extend((0..20).map(|n| ask("member.add", json!({"conv": "t", "user": format!("u{n}")}))));
    let refused = ask("me.get", json!({})).await.unwrap();
    assert!(
        matches!(&refused, Answer::Refused { refusal, .. } if refusal.code == ErrorCode::Overloaded),
        "{refused:?}"
    );
    for (n, answer) in waiting.into_iter().enumerate() {
        let answer = answer.await.unwrap();
        let Answer::Done { notice: Some(notice), .. } = answer else { panic!("{answer:?}") };
        let response: Value = serde_json::from_slice(&notice.payload).unwrap();
        assert_eq!(response["result"]["seq"], n as u64 + 1);
    }
}
