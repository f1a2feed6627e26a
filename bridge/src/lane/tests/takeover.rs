//! What a new owner does with what the former one left behind.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use longwave_model::ErrorCode;
use serde_json::json;

use crate::testing::{MemoryStore, World};
use crate::{BridgeSettings, UnknownPeers};

fn open() -> BridgeSettings {
    BridgeSettings { unknown_peers: UnknownPeers::Allowed, ..BridgeSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn entries_without_views_get_them_before_anybody_is_served() {
    let store = Arc::new(MemoryStore::new(1, false));
    let world = World::on(store.clone(), open());
    let alice = world.device("alice", "laptop");
    alice.rpc("conversation.create", json!({"conv": "team", "members": ["bob"]})).await.unwrap();
    // The owner stores a removal and a message, but never their views.
    store.failing_applies.store(u32::MAX, SeqCst);
    let removal = r#"{"jsonrpc":"2.0","id":1,"method":"member.remove","params":{"conv":"team","user":"bob"}}"#;
    drop(alice.hand(alice.publish("u/alice/rpc/json", removal)));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(store.journal().len(), 2);
    let before = world.notes.entries.lock().len();
    store.failing_applies.store(0, SeqCst);
    let successor = World::on(store.clone(), open());
    let bob = successor.device("bob", "phone");
    assert_eq!(bob.send("team", "m1", "x").await, Err(ErrorCode::NotAMember));
    assert_eq!(successor.device("alice", "laptop").send("team", "m1", "x").await, Ok(3));
    assert_eq!(before, 1, "the former owner told nobody of the removal");
    assert!(successor.notes.entries.lock().iter().any(|(entry, _)| entry.seq.0 == 2), "the new one does");
}

#[tokio::test(start_paused = true)]
async fn a_long_journal_is_read_back_only_as_far_as_it_matters() {
    let world = World::on(Arc::new(MemoryStore::new(1, true)), open());
    let alice = world.device("alice", "laptop");
    for n in 0..600 {
        alice.send("@bob", &format!("m{n}"), "x").await.unwrap();
        world.time.fetch_add(100, SeqCst);
    }
    let world = world.restart(open()).await;
    let alice = world.connect("alice", "laptop", 2, false);
    assert_eq!(alice.send("@bob", "m598", "x").await, Ok(600));
    let before = world.store.dedup_reads.load(SeqCst);
    assert_eq!(alice.send("@bob", "m599", "x").await, Ok(601), "from the tail");
    assert_eq!(world.store.dedup_reads.load(SeqCst), before);
    assert_eq!(alice.send("@bob", "m0", "x").await, Ok(2), "from its row");
    assert_eq!(world.store.dedup_reads.load(SeqCst), before + 1);
    assert_eq!(alice.send("@bob", "m600", "x").await, Ok(602));
}

#[tokio::test(start_paused = true)]
async fn a_stolen_shard_is_taken_back_with_the_queue_in_order() {
    let world = World::on(Arc::new(MemoryStore::new(1, false)), open());
    let alice = world.device("alice", "laptop");
    alice.send("@bob", "first", "x").await.unwrap();
    world.store.steal_all();
    let publish = |n: u32| {
        let payload = json!({"id": format!("m{n}"), "body": "x"}).to_string();
        alice.hand(alice.publish("u/alice/c/@bob/json", &payload))
    };
    let waiting: Vec<_> = (0..50).map(publish).collect();
    for (n, answer) in waiting.into_iter().enumerate() {
        assert_eq!(crate::testing::seq_of(answer.await.unwrap()), Ok(n as u64 + 3));
    }
}

/// A former owner that only refuses appends nothing, so no fence tells it that its memory is out of date.
#[tokio::test(start_paused = true)]
async fn a_former_owner_refuses_nobody() {
    let store = Arc::new(MemoryStore::new(1, false));
    let former = World::on(store.clone(), open());
    let alice = former.device("alice", "laptop");
    alice.rpc("conversation.create", json!({"conv": "team", "members": ["alice"]})).await.unwrap();
    // Its watermarks are stored, so that an idle owner has nothing to write.
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    let successor = World::on(store.clone(), open());
    let alice = successor.device("alice", "laptop");
    alice.rpc("member.add", json!({"conv": "team", "user": "bob"})).await.unwrap();
    let bob = former.device("bob", "phone");
    assert_eq!(bob.send("team", "m1", "x").await, Ok(3));
}
