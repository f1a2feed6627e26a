//! What comes in at the gate and what the answer says.

use longwave_model::ErrorCode;
use longwave_port::{Answer, Publish, PublishProperties, Recipients};
use serde_json::{Value, json};

use crate::testing::{Device, START, World, seq_of, with_properties};
use crate::{BridgeSettings, UnknownPeers};

async fn code(device: &Device, topic: &str, payload: &str) -> Result<u64, ErrorCode> {
    seq_of(device.hand(device.publish(topic, payload)).await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn topics_that_are_not_ones_own_are_refused() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    for (topic, expected) in [
        ("u/bob/c/@alice/json", ErrorCode::NotYourTopic),
        ("u/bob/rpc/json", ErrorCode::NotYourTopic),
        ("u/alice/presence/bob", ErrorCode::NotYourTopic),
        ("sensors/kitchen", ErrorCode::NotYourTopic),
        ("u/alice/c/@bob/xml", ErrorCode::UnknownTopic),
        ("u/alice", ErrorCode::UnknownTopic),
        ("u/alice/c/a:b/json", ErrorCode::UnknownTopic),
    ] {
        assert_eq!(code(&alice, topic, r#"{"body":"x"}"#).await, Err(expected), "{topic}");
    }
    assert_eq!(code(&alice, "u/alice/c/@bob/json", "{").await, Err(ErrorCode::BadPayload));
    assert_eq!(code(&alice, "u/alice/c/team/json", r#"{"body":"x"}"#).await, Err(ErrorCode::NotAMember));
    let large = json!({"body": "x".repeat(200_000)}).to_string();
    assert_eq!(code(&alice, "u/alice/c/@bob/json", &large).await, Err(ErrorCode::BodyTooLarge));
    assert!(world.store.journal().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_service_acts_for_anybody_and_on_no_device() {
    let world = World::new();
    let bot = world.connect("bot", "server-1", 1, true);
    assert_eq!(code(&bot, "u/alice/c/@bob/json", r#"{"body":"x"}"#).await, Ok(2));
    let entry = world.store.journal().pop().unwrap();
    assert_eq!(entry.sender.as_str(), "alice");
    assert_eq!(entry.device, None);
    let bob = world.device("bob", "phone");
    assert_eq!(code(&bob, "u/bob/c/@alice/json", r#"{"body":"x"}"#).await, Ok(3));
    assert_eq!(world.store.journal().pop().unwrap().device.as_ref().unwrap().as_str(), "phone");
}

#[tokio::test(start_paused = true)]
async fn the_first_message_makes_a_direct_conversation() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    assert_eq!(alice.send("@bob", "m1", "hello").await, Ok(2));
    assert_eq!(world.store.appends.lock().clone(), [2], "in one append");
    for (_, to) in world.notes.entries.lock().iter() {
        let Recipients::Users(users) = to else { panic!("{to:?}") };
        assert_eq!(users.iter().map(|user| user.as_str()).collect::<Vec<_>>(), ["alice", "bob"]);
    }
    assert_eq!(alice.send("@alice", "m1", "a note").await, Ok(2), "with oneself");
}

fn notice(answer: Answer) -> Option<(String, Value)> {
    let notice = match answer {
        Answer::Stored { notice, .. } | Answer::Refused { notice, .. } | Answer::Done { notice, .. } => notice,
        Answer::Unknown | Answer::Moved => None,
    }?;
    Some((notice.topic, serde_json::from_slice(&notice.payload).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn receipts_and_refusals_are_events_where_the_acknowledgement_cannot_carry_them() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    let old = |topic: &str, payload: &str| Publish { wants_notice: true, ..alice.publish(topic, payload) };
    let answer = alice.hand(old("u/alice/c/@bob/json", r#"{"id":"m1","body":"x"}"#)).await.unwrap();
    let (topic, receipt) = notice(answer).unwrap();
    assert_eq!(topic, "u/alice/c/@bob/json");
    assert_eq!(receipt, json!({"type": "receipt", "conv": "@bob", "id": "m1", "seq": 2, "ts": START}));
    let answer = alice.hand(old("u/alice/c/@bob/json", r#"{"body":"x"}"#)).await.unwrap();
    assert_eq!(notice(answer), None, "without an id a receipt would name nothing");
    let answer = alice.hand(old("u/alice/c/team/json", r#"{"id":"m2","body":"x"}"#)).await.unwrap();
    let (topic, error) = notice(answer).unwrap();
    assert_eq!(topic, "u/alice/c/team/json");
    assert_eq!((error["type"].as_str(), error["id"].as_str()), (Some("error"), Some("m2")));
    assert_eq!(error["code"].as_u64(), Some(2004));
    let answer = alice.hand(alice.publish("u/alice/c/team/json", r#"{"id":"m2","body":"x"}"#)).await.unwrap();
    assert_eq!(notice(answer), None, "not wanted");
}

#[tokio::test(start_paused = true)]
async fn raw_bodies_keep_their_type_and_expire() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    let properties = PublishProperties {
        content_type: Some("image/png".into()),
        correlation_data: Some("m1".into()),
        expiry_seconds: Some(60),
        ..Default::default()
    };
    let publish = || with_properties(alice.publish("u/alice/c/@bob/raw", "bytes"), properties.clone());
    assert_eq!(seq_of(alice.hand(publish()).await.unwrap()), Ok(2));
    assert_eq!(seq_of(alice.hand(publish()).await.unwrap()), Ok(2), "Correlation Data is the message id");
    let entry = world.store.journal().pop().unwrap();
    assert_eq!(entry.message().unwrap().content_type.as_deref(), Some("image/png"));
    assert_eq!(entry.expires_at, Some(START + 60_000));
}

#[tokio::test(start_paused = true)]
async fn ids_of_the_servers_kind_are_refused() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    let derived = longwave_model::MessageId::derived(1).as_bytes().clone();
    let properties = PublishProperties { correlation_data: Some(derived), ..Default::default() };
    let publish = with_properties(alice.publish("u/alice/c/@bob/raw", "x"), properties);
    assert_eq!(seq_of(alice.hand(publish).await.unwrap()), Err(ErrorCode::BadMessageId));
}

#[tokio::test(start_paused = true)]
async fn typing_reaches_the_others_and_is_not_stored() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    let typing = json!({"type": "typing"});
    assert_eq!(seq_of(alice.command("@bob", typing.clone()).await), Err(ErrorCode::NotAMember));
    alice.send("@bob", "m1", "x").await.unwrap();
    assert!(matches!(alice.command("@bob", typing.clone()).await, Answer::Done { .. }));
    let told = world.notes.typing.lock().clone();
    let Recipients::Users(to) = &told[0].to else { panic!("{told:?}") };
    assert_eq!(to.iter().map(|user| user.as_str()).collect::<Vec<_>>(), ["bob"]);
    assert_eq!(world.store.journal().len(), 2);
    alice.rpc("conversation.create", json!({"conv": "news", "kind": "channel"})).await.unwrap();
    assert!(matches!(alice.command("news", typing).await, Answer::Done { .. }));
    assert_eq!(world.notes.typing.lock().len(), 1, "nobody is told in a channel");
}

#[tokio::test(start_paused = true)]
async fn reading_is_stored_before_it_is_acknowledged_and_told_to_the_members() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "laptop"), world.device("bob", "phone"));
    alice.send("@bob", "m1", "x").await.unwrap();
    let read = |seq: u64| json!({"type": "read", "seq": seq});
    assert!(matches!(bob.command("@alice", read(2)).await, Answer::Done { .. }));
    let got = bob.rpc("conversation.get", json!({"conv": "@alice"})).await.unwrap();
    let members = json!([{"user": "alice", "role": "member"}, {"user": "bob", "role": "member", "read": 2}]);
    assert_eq!(got["members"], members);
    let told = world.notes.marks.lock().clone();
    assert_eq!((told[0].user.as_str(), told[0].read.0), ("bob", 2));
    let Recipients::Users(to) = &told[0].to else { panic!("{told:?}") };
    assert_eq!(to.len(), 2, "the reader's other devices too");
    assert_eq!(seq_of(bob.command("@alice", read(3)).await), Err(ErrorCode::BadSeq));
    assert_eq!(seq_of(bob.command("@carol", read(1)).await), Err(ErrorCode::NotAMember));
}

#[tokio::test(start_paused = true)]
async fn a_user_has_a_rate_where_that_is_set() {
    let settings = BridgeSettings { unknown_peers: UnknownPeers::Allowed, user_rate: 5, ..BridgeSettings::default() };
    let world = World::with(settings);
    let alice = world.device("alice", "laptop");
    for n in 0..10 {
        assert!(alice.send("@bob", &format!("m{n}"), "x").await.is_ok());
    }
    assert_eq!(alice.send("@bob", "m", "x").await, Err(ErrorCode::RateLimited));
    assert!(world.device("bob", "phone").send("@alice", "m", "x").await.is_ok());
}
