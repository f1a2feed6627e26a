//! Retries: with an id always exact, without one recognised where that is certain.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use longwave_model::{ErrorCode, FirstSending};
use longwave_port::{Answer, Guarantee, Publish, PublishProperties};
use proptest::prelude::*;
use serde_json::json;

use crate::testing::{Device, MemoryStore, Mishap, World, seq_of, with_properties};
use crate::{BridgeSettings, UnknownPeers, invariant};

fn open() -> BridgeSettings {
    BridgeSettings { unknown_peers: UnknownPeers::Allowed, ..BridgeSettings::default() }
}

/// A publish without an id; `number` is how many-eth of its connection.
fn bare(device: &Device, body: &str, packet_id: u16, number: u64) -> Publish {
    let publish = device.publish("u/alice/c/@bob/raw", body);
    Publish { guarantee: Guarantee::AtLeastOnce { packet_id, resend_of: None }, number, ..publish }
}

/// The same with DUP, for one that the session's first connection sent as its `number`-th and that has no PUBACK.
fn resend(device: &Device, body: &str, packet_id: u16, number: u64) -> Publish {
    let resend_of = Some(FirstSending { connection: 1, number });
    Publish { guarantee: Guarantee::AtLeastOnce { packet_id, resend_of }, ..bare(device, body, packet_id, 1) }
}

async fn seq(device: &Device, publish: Publish) -> u64 {
    seq_of(device.hand(publish).await.unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_retry_joins_the_first_attempt_while_that_is_pending() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    alice.send("@bob", "first", "x").await.unwrap();
    world.store.stalled.store(true, SeqCst);
    let publish = || alice.hand(alice.publish("u/alice/c/@bob/json", r#"{"id":"again","body":"x"}"#));
    let in_flight = publish();
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    let queued = [publish(), publish()];
    world.store.stalled.store(false, SeqCst);
    assert_eq!(seq_of(in_flight.await.unwrap()), Ok(3));
    for answer in queued {
        assert_eq!(seq_of(answer.await.unwrap()), Ok(3));
    }
    assert_eq!(world.store.journal().len(), 3);
    assert_eq!(world.stats.dedup_hits.load(Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn ids_are_per_conversation_and_sender() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "laptop"), world.device("bob", "phone"));
    assert_eq!(alice.send("@bob", "same", "x").await, Ok(2));
    assert_eq!(bob.send("@alice", "same", "x").await, Ok(3));
    assert_eq!(alice.send("@carol", "same", "x").await, Ok(2));
    assert_eq!(world.device("alice", "tablet").send("@bob", "same", "x").await, Ok(2), "on whichever device");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_a_restart_is_found_by_its_row() {
    let world = World::new();
    world.device("alice", "laptop").send("@bob", "m1", "x").await.unwrap();
    world.time.fetch_add(3_600_000, SeqCst);
    for n in 0..20 {
        world.device("alice", "laptop").send("@bob", &format!("other{n}"), "x").await.unwrap();
    }
    let world = world.restart(open()).await;
    assert_eq!(world.device("alice", "laptop").send("@bob", "m1", "x").await, Ok(2));
    assert!(world.store.dedup_reads.load(SeqCst) >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_of_ones_own_needs_no_reads() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    alice.send("@bob", "first", "x").await.unwrap();
    let before = world.store.dedup_reads.load(SeqCst);
    for n in 0..100 {
        alice.send("@bob", &format!("m{n}"), "x").await.unwrap();
    }
    assert_eq!(world.store.dedup_reads.load(SeqCst), before);
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_reads_a_conversations_ids_once_and_then_none() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    for n in 0..700 {
        alice.send("@bob", &format!("m{n}"), "x").await.unwrap();
    }
    let world = world.restart(BridgeSettings { dedup_entries: 1, ..open() }).await;
    let alice = world.device("alice", "laptop");
    for n in 700..10_000 {
        assert_eq!(alice.send("@bob", &format!("m{n}"), "x").await, Ok(n + 2));
    }
    let (reads, scans) = (world.store.dedup_reads.load(SeqCst), world.store.dedup_scans.load(SeqCst));
    assert!(reads < 100 && scans == 1, "{reads} lookups, {scans} scans for 9,300 new ids");
    for n in (0..10_000).step_by(97) {
        assert_eq!(alice.send("@bob", &format!("m{n}"), "x").await, Ok(n + 2), "a retry is found, however old");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_was_removed_still_gets_its_receipt() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "laptop"), world.device("bob", "phone"));
    alice.rpc("conversation.create", json!({"conv": "team", "members": ["bob"]})).await.unwrap();
    assert_eq!(bob.send("team", "m1", "x").await, Ok(2));
    alice.rpc("member.remove", json!({"conv": "team", "user": "bob"})).await.unwrap();
    assert_eq!(bob.send("team", "m1", "x").await, Ok(2));
    assert_eq!(bob.send("team", "m2", "x").await, Err(ErrorCode::NotAMember));
}

#[tokio::test(start_paused = true)]
async fn bare_publishes_without_dup_are_always_new() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    for expected in 2..6 {
        assert_eq!(seq(&alice, bare(&alice, "same", 1, expected)).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_resend_matches_only_what_is_the_same_in_everything() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    assert_eq!(seq(&alice, bare(&alice, "hello", 1, 1)).await, 2);
    let again = world.connect("alice", "laptop", 2, false);
    assert_eq!(seq(&again, resend(&again, "hello", 1, 1)).await, 2);
    assert_eq!(seq(&again, resend(&again, "hello", 1, 1)).await, 2);
    assert_eq!(seq(&again, resend(&again, "hello", 2, 1)).await, 3, "another packet id");
    assert_eq!(seq(&again, resend(&again, "other", 1, 1)).await, 4, "another body");
    assert_eq!(
        seq(&again, resend(&again, "hello", 1, 2)).await,
        5,
        "another one of that connection, with the same packet id and body"
    );
    let tagged = PublishProperties { user_properties: vec![("k".into(), "v".into())], ..Default::default() };
    assert_eq!(seq(&again, with_properties(resend(&again, "hello", 1, 1), tagged)).await, 6, "other properties");
    let mut clean = (*again.sender).clone();
    clean.incarnation = 2;
    let publish = Publish { sender: Arc::new(clean), ..resend(&again, "hello", 1, 1) };
    assert_eq!(seq(&again, publish).await, 7, "another session");
    let tablet = world.device("alice", "tablet");
    assert_eq!(seq(&tablet, resend(&tablet, "hello", 1, 1)).await, 8, "another device");
}

#[tokio::test(start_paused = true)]
async fn a_resend_is_recognised_by_the_next_owner() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    assert_eq!(seq(&alice, bare(&alice, "old", 1, 1)).await, 2);
    world.time.fetch_add(2_500, SeqCst);
    assert_eq!(seq(&alice, bare(&alice, "new", 2, 2)).await, 3);
    let world = world.restart(open()).await;
    let again = world.connect("alice", "laptop", 2, false);
    assert_eq!(seq(&again, resend(&again, "new", 2, 2)).await, 3);
    assert_eq!(seq(&again, resend(&again, "old", 1, 1)).await, 2);
    assert_eq!(seq(&again, resend(&again, "old", 1, 3)).await, 4, "that one was never stored");
}

#[tokio::test(start_paused = true)]
async fn publishes_of_a_connection_that_was_replaced_are_not_taken() {
    let world = World::new();
    let (old, new) = (world.connect("alice", "laptop", 1, false), world.connect("alice", "laptop", 2, false));
    assert_eq!(seq(&new, bare(&new, "a", 1, 1)).await, 2);
    assert_eq!(old.hand(bare(&old, "b", 1, 1)).await.unwrap(), Answer::Unknown);
    assert_eq!(seq(&new, bare(&new, "c", 1, 2)).await, 3);
}

#[tokio::test(start_paused = true)]
async fn qos_2_is_exact_without_an_id_and_nobody_sees_why() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    let publish = |packet_id, uses, body| {
        let guarantee = Guarantee::ExactlyOnce { packet_id, uses };
        Publish { guarantee, ..alice.publish("u/alice/c/@bob/raw", body) }
    };
    assert_eq!(seq(&alice, publish(1, 0, "x")).await, 2);
    assert_eq!(seq(&alice, publish(1, 0, "x")).await, 2, "not released: the same publish");
    assert_eq!(seq(&alice, publish(1, 1, "x")).await, 3, "released: another one");
    assert_eq!(seq(&alice, publish(2, 0, "x")).await, 4);
    let page = alice.rpc("history.page", json!({"conv": "@bob"})).await.unwrap();
    assert!(page["events"].as_array().unwrap().iter().all(|event| event.get("id").is_none()), "{page}");
    let world = world.restart(open()).await;
    let again = world.connect("alice", "laptop", 2, false);
    let guarantee = Guarantee::ExactlyOnce { packet_id: 1, uses: 1 };
    let publish = Publish { guarantee, ..again.publish("u/alice/c/@bob/raw", "x") };
    assert_eq!(seq(&again, publish).await, 3, "also after a restart");
}

#[derive(Debug, Clone)]
enum Act {
    /// Publishes message `n`, as often as it likes.
    Send { sender: usize, n: u8 },
    /// Waits for all answers.
    Settle,
    /// The next append runs into this.
    Mishap(Mishap),
    /// The owner changes.
    Restart,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let mishap = prop_oneof![
        Just(Mishap::UnknownLanded),
        Just(Mishap::UnknownLost),
        Just(Mishap::UnknownLate),
        Just(Mishap::Stolen),
        Just(Mishap::DiskFull),
    ];
    let act = prop_oneof![
        12 => (0..3usize, 0..12u8).prop_map(|(sender, n)| Act::Send { sender, n }),
        3 => Just(Act::Settle),
        2 => mishap.prop_map(Act::Mishap),
        1 => Just(Act::Restart),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever is repeated, lost or taken over: every message has one seq, and every answer says that one.
    #[test]
    fn every_schedule_of_duplicates_returns_the_first_seq(acts in acts(), commits_views in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(acts, commits_views));
    }
}

async fn run(acts: Vec<Act>, commits_views: bool) {
    let mut world = World::on(Arc::new(MemoryStore::new(1, commits_views)), open());
    let users = ["alice", "bob", "alice"];
    let mut waiting = Vec::new();
    let mut seqs = std::collections::HashMap::new();
    for act in acts.into_iter().chain([Act::Settle]) {
        match act {
            Act::Send { sender, n } => {
                let device = world.device(users[sender], &format!("device{sender}"));
                let peer = if users[sender] == "alice" { "bob" } else { "alice" };
                let topic = format!("u/{}/c/@{peer}/json", users[sender]);
                let payload = json!({"id": format!("m{n}"), "body": "x"}).to_string();
                waiting.push(((users[sender], n), device.hand(device.publish(&topic, &payload))));
            }
            Act::Mishap(mishap) => world.store.script([Some(mishap)]),
            Act::Restart => world = world.restart(open()).await,
            Act::Settle => {
                for (message, answer) in waiting.drain(..) {
                    match seq_of(answer.await.unwrap()) {
                        Ok(seq) => assert_eq!(*seqs.entry(message).or_insert(seq), seq, "{message:?}"),
                        Err(code) => assert_eq!(code, ErrorCode::DiskFull),
                    }
                }
            }
        }
    }
    let journal = world.store.journal();
    assert!(invariant::is_dense(journal.iter().map(|entry| &**entry)));
    assert!(journal.first().is_none_or(|entry| entry.seq.0 == 1));
    assert_eq!(journal.len().saturating_sub(1), seqs.len(), "one entry per message, and the creation");
}
