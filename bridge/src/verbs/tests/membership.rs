//! Adding, removing, leaving, roles: the entries, who hears of them, and asking twice.

use longwave_model::{ConversationKind, ErrorCode};
use longwave_persistence::Inbox;
use longwave_port::Recipients;
use serde_json::json;

use crate::testing::World;

#[tokio::test(start_paused = true)]
async fn changes_may_be_asked_for_twice() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    alice.rpc("conversation.create", json!({"conv": "t", "members": ["bob"]})).await.unwrap();
    let add = json!({"conv": "t", "user": "carol"});
    assert_eq!(alice.rpc("member.add", add.clone()).await, Ok(json!({"seq": 2})));
    let role = json!({"conv": "t", "user": "carol", "role": "admin"});
    assert_eq!(alice.rpc("member.role", role.clone()).await, Ok(json!({"seq": 3})));
    assert_eq!(alice.rpc("member.add", add).await, Ok(json!({"seq": 2})), "that of the first time");
    assert_eq!(alice.rpc("member.role", role).await, Ok(json!({"seq": 3})), "the head");
    let remove = json!({"conv": "t", "user": "carol"});
    assert_eq!(alice.rpc("member.remove", remove.clone()).await, Ok(json!({"seq": 4})));
    assert_eq!(alice.rpc("member.remove", remove).await, Err(2004));
    let bob = world.device("bob", "phone");
    assert_eq!(bob.rpc("conversation.leave", json!({"conv": "t"})).await, Ok(json!({"seq": 5})));
    assert_eq!(bob.rpc("conversation.leave", json!({"conv": "t"})).await, Err(3005));
    assert_eq!(alice.rpc("conversation.leave", json!({"conv": "t"})).await, Ok(json!({"seq": 6})), "the last one");
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_hears_of_it_and_of_nothing_later() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "laptop"), world.device("bob", "phone"));
    alice.rpc("conversation.create", json!({"conv": "t", "members": ["bob"]})).await.unwrap();
    alice.rpc("member.remove", json!({"conv": "t", "user": "bob"})).await.unwrap();
    alice.send("t", "m1", "x").await.unwrap();
    assert_eq!(bob.send("t", "m1", "x").await, Err(ErrorCode::NotAMember));
    let told = world.notes.entries.lock().clone();
    let heard = |seq: usize| match &told[seq - 1].1 {
        Recipients::Users(users) | Recipients::Part(users) => users.iter().any(|user| user.as_str() == "bob"),
        Recipients::Interested => false,
    };
    assert_eq!([heard(1), heard(2), heard(3)], [true, true, false]);
    let rows = world.store.inbox(&bob.sender.user).await.unwrap();
    assert_eq!(rows[0].left.map(|seq| seq.0), Some(2));
    alice.rpc("member.add", json!({"conv": "t", "user": "bob"})).await.unwrap();
    let rows = world.store.inbox(&bob.sender.user).await.unwrap();
    assert_eq!((rows[0].joined.0, rows[0].left), (4, None), "back again");
    assert_eq!(bob.send("t", "m2", "x").await, Ok(5));
}

#[tokio::test(start_paused = true)]
async fn a_new_member_of_a_channel_is_told_by_name() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    alice.rpc("conversation.create", json!({"conv": "news", "kind": "channel"})).await.unwrap();
    alice.rpc("member.add", json!({"conv": "news", "user": "bob"})).await.unwrap();
    let told = world.notes.entries.lock().clone();
    assert!(matches!(&told[1].1, Recipients::Interested));
    assert!(matches!(&told[2].1, Recipients::Users(users) if users[0].as_str() == "bob"));
    assert_eq!(told[1].0.seq, told[2].0.seq);
    let bob = world.device("bob", "phone");
    assert_eq!(bob.send("news", "m1", "x").await, Err(ErrorCode::RoleTooLow));
    let got = bob.rpc("conversation.get", json!({"conv": "news"})).await.unwrap();
    assert_eq!((got["role"].as_str(), got.get("members")), (Some("reader"), None));
    assert_eq!(got["joined"], 2);
    let row = world.store.inbox(&bob.sender.user).await.unwrap().remove(0);
    assert_eq!(row.kind, ConversationKind::Channel);
    alice.send("news", "m1", "x").await.unwrap();
    let row = world.store.inbox(&bob.sender.user).await.unwrap().remove(0);
    assert_eq!(row.head.0, 2, "a channel raises no inbox");
}

#[tokio::test(start_paused = true)]
async fn a_direct_conversation_has_its_two_and_no_other() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    let unopened = alice.rpc("conversation.get", json!({"conv": "@bob"})).await.unwrap();
    assert_eq!((unopened["head"].as_u64(), unopened.get("creator")), (Some(0), None));
    alice.send("@bob", "m1", "x").await.unwrap();
    for (method, params) in [
        ("member.add", json!({"conv": "@bob", "user": "carol"})),
        ("member.remove", json!({"conv": "@bob", "user": "bob"})),
        ("member.role", json!({"conv": "@bob", "user": "bob", "role": "owner"})),
        ("conversation.leave", json!({"conv": "@bob"})),
        ("conversation.update", json!({"conv": "@bob", "title": "T"})),
    ] {
        assert_eq!(alice.rpc(method, params).await, Err(3006), "{method}");
    }
    let got = alice.rpc("conversation.get", json!({"conv": "@bob"})).await.unwrap();
    assert_eq!((got["head"].as_u64(), got["creator"].as_str()), (Some(2), Some("alice")));
}

#[tokio::test(start_paused = true)]
async fn strangers_learn_nothing() {
    let world = World::new();
    let (alice, eve) = (world.device("alice", "laptop"), world.device("eve", "tablet"));
    alice.rpc("conversation.create", json!({"conv": "t"})).await.unwrap();
    for conv in ["t", "no-such"] {
        for (method, params) in [
            ("conversation.get", json!({"conv": conv})),
            ("conversation.leave", json!({"conv": conv})),
            ("conversation.update", json!({"conv": conv, "title": "T"})),
            ("member.add", json!({"conv": conv, "user": "eve"})),
            ("member.remove", json!({"conv": conv, "user": "alice"})),
            ("member.role", json!({"conv": conv, "user": "eve", "role": "owner"})),
            ("history.page", json!({"conv": conv})),
        ] {
            assert_eq!(eve.rpc(method, params).await, Err(3005), "{method} {conv}");
        }
    }
}
