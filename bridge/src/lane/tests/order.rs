//! Batches: what is queued becomes one append, each sender's order is kept, nothing grows beyond its limit.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use longwave_model::ErrorCode;
use longwave_port::Answer;
use serde_json::json;

use crate::testing::{MemoryStore, World, seq_of};
use crate::{BridgeSettings, UnknownPeers};

#[tokio::test(start_paused = true)]
async fn what_queues_up_behind_an_append_becomes_the_next() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    assert_eq!(alice.send("@bob", "first", "x").await, Ok(2));
    world.store.stalled.store(true, SeqCst);
    let publish = |n: u32| {
        let payload = json!({"id": format!("m{n}"), "body": "x"}).to_string();
        alice.hand(alice.publish("u/alice/c/@bob/json", &payload))
    };
    let waiting: Vec<_> = (0..450).map(publish).collect();
    tokio::task::yield_now().await;
    world.store.stalled.store(false, SeqCst);
    for (n, answer) in waiting.into_iter().enumerate() {
        assert_eq!(seq_of(answer.await.unwrap()), Ok(n as u64 + 3), "one sender's messages keep their order");
    }
    let appends = world.store.appends.lock().clone();
    assert!(appends.len() <= 5, "{appends:?}");
    assert!(appends.iter().all(|entries| *entries <= 200));
    let told: Vec<_> = world.notes.entries.lock().iter().map(|(entry, _)| entry.seq.0).collect();
    assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "live entries come in seq order");
}

#[tokio::test(start_paused = true)]
async fn an_append_has_a_size_in_bytes() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    assert_eq!(alice.send("@bob", "first", "x").await, Ok(2));
    world.store.stalled.store(true, SeqCst);
    let large = "x".repeat(50_000);
    let publish = |n: u32| {
        let payload = json!({"id": format!("m{n}"), "body": large}).to_string();
        alice.hand(alice.publish("u/alice/c/@bob/json", &payload))
    };
    let waiting: Vec<_> = (0..20).map(publish).collect();
    tokio::task::yield_now().await;
    world.store.stalled.store(false, SeqCst);
    for answer in waiting {
        assert!(seq_of(answer.await.unwrap()).is_ok());
    }
    assert!(world.store.appends.lock().iter().all(|entries| *entries <= 2));
}

#[tokio::test(start_paused = true)]
async fn what_waits_has_a_limit_and_the_answer_says_so() {
    let world = World::with(BridgeSettings {
        unknown_peers: UnknownPeers::Allowed,
        queue_bytes: 100_000,
        ..BridgeSettings::default()
    });
    let alice = world.device("alice", "laptop");
    assert_eq!(alice.send("@bob", "first", "x").await, Ok(2));
    world.store.stalled.store(true, SeqCst);
    let large = json!({"body": "x".repeat(20_000)}).to_string();
    let waiting: Vec<_> = (0..20).map(|_| alice.hand(alice.publish("u/alice/c/@bob/json", &large))).collect();
    world.store.stalled.store(false, SeqCst);
    let mut refused = 0;
    for answer in waiting {
        match seq_of(answer.await.unwrap()) {
            Ok(_) => {}
            Err(code) => {
                assert_eq!(code, ErrorCode::Overloaded);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 16);
    assert_eq!(world.stats.queued_bytes.load(Relaxed), 0);
    assert_eq!(world.stats.refusals(), [(ErrorCode::Overloaded, 16)]);
}

#[tokio::test(start_paused = true)]
async fn times_never_fall() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    alice.send("@bob", "m1", "x").await.unwrap();
    world.time.fetch_sub(60_000, SeqCst);
    alice.send("@bob", "m2", "x").await.unwrap();
    world.time.fetch_add(90_000, SeqCst);
    alice.send("@bob", "m3", "x").await.unwrap();
    let times: Vec<_> = world.store.journal().iter().map(|entry| entry.ts).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_bridge_finishes_first_and_then_knows_nothing() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    world.store.append_millis.store(50, SeqCst);
    let waiting: Vec<_> =
        (0..10).map(|_| alice.hand(alice.publish("u/alice/c/@bob/json", r#"{"body":"x"}"#))).collect();
    world.bridge.stop().await;
    for answer in waiting {
        assert!(seq_of(answer.await.unwrap()).is_ok());
    }
    let late = alice.hand(alice.publish("u/alice/c/@bob/json", r#"{"body":"x"}"#));
    assert_eq!(late.await.unwrap(), Answer::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever_for_the_store() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    world.bridge.ready().await;
    world.store.stalled.store(true, SeqCst);
    let waiting = alice.hand(alice.publish("u/alice/c/@bob/json", r#"{"body":"x"}"#));
    world.bridge.stop().await;
    assert_eq!(waiting.await.unwrap(), Answer::Unknown);
    assert!(world.store.journal().is_empty());
}

#[tokio::test(start_paused = true)]
async fn forgotten_conversations_and_ids_are_found_again() {
    let settings = BridgeSettings {
        unknown_peers: UnknownPeers::Allowed,
        cached_conversations: 0,
        dedup_entries: 0,
        ..BridgeSettings::default()
    };
    let world = World::on(Arc::new(MemoryStore::new(1, true)), settings);
    let alice = world.device("alice", "laptop");
    for n in 0..5_000 {
        assert_eq!(alice.send(&format!("@peer{n}"), "m", "x").await, Ok(2));
    }
    for n in (0..5_000).step_by(100) {
        assert_eq!(alice.send(&format!("@peer{n}"), "m", "x").await, Ok(2), "a retry");
        assert_eq!(alice.send(&format!("@peer{n}"), "m2", "x").await, Ok(3));
    }
    assert!(world.stats.conversation_reads.load(Relaxed) > 5_000);
}
