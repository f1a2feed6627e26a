//! The audit finds what it is for. Broken rows are made through the seam, by an owner that does what no lane does.

use longwave_model::{Entry, Seq};
use longwave_persistence::contract::sample::{Owner, conversation, device, direct, message, user};
use longwave_persistence::embedded::Embedded;
use longwave_persistence::{CursorRaise, Cursors, MarkRaise, PushRecord, PushState, Pushes};

use crate::bench::{Bench, any};

async fn findings(store: &Embedded) -> Vec<String> {
    let (summary, found) = store.audit(100).await.unwrap();
    assert_eq!(summary.findings, found.len() as u64);
    found.iter().map(ToString::to_string).collect()
}

async fn audit_of(entries: impl FnOnce(Vec<Entry>) -> Vec<Entry>) -> Vec<String> {
    let bench = Bench::new();
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    let sound = std::iter::once(first).chain((2..=5).map(|seq| message(&id, seq, "alice"))).collect();
    owner.applied(entries(sound), &["alice", "bob"]).await;
    findings(&store).await
}

#[tokio::test]
async fn a_sound_store_has_no_findings() {
    assert_eq!(audit_of(|entries| entries).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_skipped_seq_is_named() {
    let found = audit_of(|mut entries| {
        entries.remove(2);
        entries
    })
    .await;
    assert_eq!(found, ["alice:bob seq 3: missing: the next log row is 4"]);
}

#[tokio::test]
async fn a_reused_seq_is_named() {
    let found = audit_of(|mut entries| {
        let mut twice = entries[2].clone();
        twice.id = Some(longwave_persistence::contract::sample::message_id("other"));
        entries.push(twice);
        entries
    })
    .await;
    assert_eq!(found, ["alice:bob seq 3: a dedup row of alice names no such entry"]);
}

#[tokio::test]
async fn a_message_stored_twice_is_named() {
    let found = audit_of(|mut entries| {
        entries[4].id = entries[2].id.clone();
        entries
    })
    .await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("alice:bob seq 3: stored twice"), "{found:?}");
}

#[tokio::test]
async fn cursors_marks_and_push_records_above_the_head_are_named() {
    let bench = Bench::new();
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    let cursor = CursorRaise { user: user("bob"), device: device("phone"), conversation: id.clone(), seq: Seq(2) };
    let mark =
        MarkRaise { conversation: conversation("nowhere"), user: user("bob"), delivered: Seq(0), read: Seq(9), ts: 1 };
    store.raise(vec![cursor], vec![mark]).await.unwrap();
    let push = PushRecord {
        user: user("bob"),
        device: device("phone"),
        conversation: id.clone(),
        seq: Seq(3),
        state: PushState::Sent,
        detail: None,
        ts: 1,
    };
    store.record_pushes(vec![push]).await.unwrap();
    let found = findings(&store).await;
    assert_eq!(
        found,
        [
            "alice:bob seq 2: cursor 2 of bob, phone is above the head 1",
            "nowhere seq 9: marks 0 and 9 of bob are above the head 0",
            "alice:bob seq 3: push record 3 of bob, phone is above the head 1",
        ]
    );
}
