//! Views are stored beside the next append: how far they may be behind, and what nobody may see meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use longwave_model::ErrorCode;
use serde_json::json;

use crate::testing::{MemoryStore, Mishap, World, seq_of};
use crate::{BridgeSettings, Ownership, UnknownPeers, invariant};

fn open() -> BridgeSettings {
    BridgeSettings { unknown_peers: UnknownPeers::Allowed, ..BridgeSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn receipts_do_not_wait_for_views_until_too_many_are_behind() {
    let world = World::on(Arc::new(MemoryStore::new(1, false)), open());
    let alice = world.device("alice", "laptop");
    alice.send("@bob", "first", "x").await.unwrap();
    world.store.failing_applies.store(u32::MAX, SeqCst);
    let waiting: Vec<_> = (0..3_000)
        .map(|n| {
            alice.hand(alice.publish("u/alice/c/@bob/json", &json!({"id": format!("m{n}"), "body": "x"}).to_string()))
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let stored = world.store.journal().len();
    assert!((400..1_000).contains(&stored), "{stored} entries were taken while no view could be stored");
    world.store.failing_applies.store(0, SeqCst);
    for (n, answer) in waiting.into_iter().enumerate() {
        assert_eq!(seq_of(answer.await.unwrap()), Ok(n as u64 + 3));
    }
    let page = alice.rpc("history.page", json!({"conv": "@bob"})).await.unwrap();
    assert_eq!(page["head"], 3_002, "whoever asks after the receipt finds everything");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_not_read_while_its_views_are_behind() {
    let world = World::on(Arc::new(MemoryStore::new(1, false)), open());
    let alice = world.device("alice", "laptop");
    alice.send("@bob", "first", "x").await.unwrap();
    world.store.failing_applies.store(20, SeqCst);
    assert_eq!(alice.send("@bob", "m1", "x").await, Ok(3));
    // What the lane knows of the conversation goes with a refused append.
    world.store.script([Some(Mishap::DiskFull)]);
    assert_eq!(alice.send("@bob", "m2", "x").await, Err(ErrorCode::DiskFull));
    assert_eq!(alice.send("@bob", "m1", "x").await, Ok(3), "its dedup row was behind");
    assert_eq!(alice.send("@bob", "m3", "x").await, Ok(4), "its head was behind");
    assert_eq!(world.store.failing_applies.load(SeqCst), 0);
    assert!(invariant::is_dense(world.store.journal().iter().map(|entry| &**entry)));
}

/// A zombie is held at each step of an append in turn, wakes after another has taken its shard, and changes nothing.
#[tokio::test(start_paused = true)]
async fn a_zombie_changes_nothing_at_whichever_step_it_wakes() {
    for step in ["before the append", "before its answer", "before the views", "before the watermark"] {
        let store = Arc::new(MemoryStore::new(1, false));
        let zombie = World::owning(store.clone(), open(), Ownership::OnDemand);
        let successor = World::owning(store.clone(), open(), Ownership::OnDemand);
        let (here, there) = (zombie.device("alice", "laptop"), successor.device("alice", "laptop"));
        assert_eq!(here.send("@bob", "m1", "x").await, Ok(2), "{step}");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let hold = store.hold_next(step);
        let held = here.hand(here.publish("u/alice/c/@bob/json", r#"{"id":"m2","body":"x"}"#));
        hold.reached().await;
        // The successor does what the sender's broker hands over again, and more.
        assert_eq!(there.send("@bob", "m2", "x").await, Ok(3), "{step}");
        assert_eq!(there.send("@bob", "m3", "x").await, Ok(4), "{step}");
        hold.release();
        let answer = held.await.unwrap();
        let is_stored = step != "before the append";
        assert_eq!(matches!(seq_of_stored(&answer), Some(3)), is_stored, "{step}: {answer:?}");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(store.journal().len(), 4, "{step}: each message once");
        assert!(invariant::is_dense(store.journal().iter().map(|entry| &**entry)), "{step}");
        let page = there.rpc("history.page", json!({"conv": "@bob"})).await.unwrap();
        assert_eq!((page["head"].as_u64(), page["events"].as_array().map(Vec::len)), (Some(4), Some(3)), "{step}");
        assert_eq!(store.watermarks(0).applied.0, 4, "{step}");
    }
}

fn seq_of_stored(answer: &longwave_port::Answer) -> Option<u64> {
    match answer {
        longwave_port::Answer::Stored { seq, .. } => Some(seq.0),
        _ => None,
    }
}
