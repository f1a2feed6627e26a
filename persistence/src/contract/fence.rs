//! The journal: fenced appends, ownership, watermarks, trimming.

use std::sync::Arc;

use longwave_model::{Position, ShardId};

use super::Backend;
use super::sample::{Owner, conversation, created, direct, message, now};
use crate::invariant;
use crate::journal::{JournalRow, Outcome, Tenure, Watermarks};
use crate::store::Store;
use longwave_model::{ConversationKind, Role};

pub async fn an_append_counts_positions(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    assert_eq!(owner.tenure.head, Position(0));
    owner.applied(vec![first.clone(), message(&id, 2, "alice")], &["alice", "bob"]).await;
    owner.applied(vec![message(&id, 3, "bob")], &["alice", "bob"]).await;
    let tail = owner.store.tail(owner.shard, Position(0), 10).await.unwrap();
    assert_eq!(tail.iter().map(|row| row.position.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(invariant::is_dense(tail.iter().map(|row| &*row.entry)));
    assert_eq!(*tail[0].entry, first);
    let rest = owner.store.tail(owner.shard, Position(1), 1).await.unwrap();
    assert_eq!(rest.iter().map(|row| (row.position.0, row.entry.seq.0)).collect::<Vec<_>>(), [(2, 2)]);
}

pub async fn a_zombie_appends_nothing(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut zombie = Owner::of(backend.store(), &id).await;
    zombie.applied(vec![first], &["alice", "bob"]).await;
    let mut heir = Owner::of(backend.store(), &id).await;
    assert!(heir.tenure.epoch > zombie.tenure.epoch);
    assert_eq!(heir.tenure.head, Position(1));
    let outcome = zombie.append(vec![message(&id, 2, "alice")], &["alice", "bob"]).await;
    assert!(matches!(outcome, Outcome::NotApplied), "{outcome:?}");
    assert_eq!(heir.store.head(&id).await.unwrap().unwrap().seq.0, 1);
    heir.applied(vec![message(&id, 2, "bob")], &["alice", "bob"]).await;
    let tail = heir.store.tail(heir.shard, Position(1), 10).await.unwrap();
    assert_eq!(tail[0].entry.sender.as_str(), "bob");
}

pub async fn a_wrong_head_appends_nothing(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    owner.applied(vec![first.clone()], &["alice", "bob"]).await;
    for wrong in [0, 2] {
        owner.tenure.head = Position(wrong);
        let outcome = owner.append(vec![message(&id, 2, "alice")], &[]).await;
        assert!(matches!(outcome, Outcome::NotApplied), "{outcome:?}");
    }
    assert_eq!(owner.store.tail(owner.shard, Position(0), 10).await.unwrap().len(), 1);
}

pub async fn of_two_racing_owners_one_wins_each_position(backend: &mut dyn Backend) {
    let id = conversation("alice:bob");
    let racers: Vec<_> = ["alice", "bob"].map(|name| tokio::spawn(race(backend.store(), name))).into();
    let mut won = 0;
    for racer in racers {
        won += racer.await.unwrap();
    }
    let owner = Owner::of(backend.store(), &id).await;
    assert_eq!(owner.tenure.head.0, won);
    let tail = owner.store.tail(owner.shard, Position(0), 1000).await.unwrap();
    assert!(is_complete(&owner.tenure, &tail), "{:?}", owner.tenure);
    assert_eq!(tail.first().map(|row| row.entry.seq.0), Some(1));
    assert!(
        invariant::seqs_rise_by_one(tail.iter().map(|row| (&row.entry.conversation, row.entry.seq))),
        "a seq twice"
    );
}

fn is_complete(tenure: &Tenure, tail: &[JournalRow]) -> bool {
    invariant::rows_are_complete(tenure.trimmed, tenure.head, tail.iter().map(|row| row.position))
}

/// Appends with seqs from the position, as if it were alone, and takes the shard anew whenever it is fenced.
async fn race(store: Arc<dyn Store>, name: &'static str) -> u64 {
    let id = conversation("alice:bob");
    let mut won = 0;
    for _ in 0..10 {
        let mut owner = Owner::of(store.clone(), &id).await;
        for _ in 0..3 {
            let seq = owner.tenure.head.0 + 1;
            let mut entry = message(&id, seq, name);
            entry.id = None;
            match owner.append(vec![entry], &[]).await {
                Outcome::Applied => won += 1,
                Outcome::NotApplied => break,
                other => panic!("{other:?}"),
            }
            tokio::task::yield_now().await;
        }
    }
    won
}

pub async fn an_empty_append_moves_watermarks(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    owner.settle().await;
    assert_eq!(owner.tenure.head, Position(1));
    let heir = Owner::of(backend.store(), &id).await;
    assert_eq!(heir.tenure.watermarks, Watermarks { applied: Position(1), settled: Position(1) });
}

pub async fn watermarks_never_fall(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    owner.settle().await;
    owner.tenure.watermarks = Watermarks::default();
    assert!(matches!(owner.append(Vec::new(), &[]).await, Outcome::Applied));
    let heir = Owner::of(backend.store(), &id).await;
    assert_eq!(heir.tenure.watermarks, Watermarks { applied: Position(1), settled: Position(1) });
}

pub async fn a_restart_keeps_the_fence(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    let epoch = owner.tenure.epoch;
    drop(owner);
    backend.restart().await;
    let owner = Owner::of(backend.store(), &id).await;
    assert!(owner.tenure.epoch > epoch);
    assert_eq!(owner.tenure.head, Position(1));
    assert_eq!(owner.store.head(&id).await.unwrap().unwrap().seq.0, 1);
}

pub async fn trimmed_rows_stay_away(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    owner.applied(vec![first, message(&id, 2, "alice")], &["alice", "bob"]).await;
    owner.applied(vec![message(&id, 3, "alice"), message(&id, 4, "alice")], &["alice", "bob"]).await;
    owner.settle().await;
    owner.store.trim(owner.shard, Position(3)).await.unwrap();
    let tail = owner.store.tail(owner.shard, Position(0), 10).await.unwrap();
    assert_eq!(tail.iter().map(|row| row.position.0).collect::<Vec<_>>(), [4]);
    let heir = Owner::of(backend.store(), &id).await;
    assert_eq!((heir.tenure.trimmed, heir.tenure.head), (Position(3), Position(4)));
    assert!(invariant::may_trim(heir.tenure.trimmed, heir.tenure.watermarks) && is_complete(&heir.tenure, &tail));
    let page = heir.store.page(&id, 1..=4, crate::Direction::Forward, 10, 1000).await.unwrap();
    assert_eq!(page.entries.len(), 4, "trimming the journal leaves the log alone");
}

pub async fn trimming_stops_at_the_watermarks(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    owner.applied(vec![first, message(&id, 2, "alice")], &["alice", "bob"]).await;
    owner.store.trim(owner.shard, Position(2)).await.unwrap();
    let tail = owner.store.tail(owner.shard, Position(0), 10).await.unwrap();
    assert_eq!(tail.len(), 2, "nothing is settled yet");
    let heir = Owner::of(backend.store(), &id).await;
    assert!(is_complete(&heir.tenure, &tail), "{:?}", heir.tenure);
}

pub async fn shards_do_not_touch_each_other(backend: &mut dyn Backend) {
    let store = backend.store();
    let mut one = Owner::take(store.clone(), ShardId(0)).await;
    let other = Owner::take(store.clone(), ShardId(1)).await;
    let id = conversation("any");
    one.applied(vec![created(&id, ConversationKind::Group, &[("alice", Role::Owner)])], &["alice"]).await;
    assert_eq!(store.tail(ShardId(1), Position(0), 10).await.unwrap(), []);
    assert_eq!(Owner::take(store, ShardId(1)).await.tenure.epoch.0, other.tenure.epoch.0 + 1);
    assert!(matches!(one.append(vec![message(&id, 2, "alice")], &["alice"]).await, Outcome::Applied));
}

pub async fn the_last_commit_is_from_before_the_start(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let before = now();
    let mut owner = Owner::of(backend.store(), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    drop(owner);
    let after = now();
    backend.restart().await;
    let mut owner = Owner::of(backend.store(), &id).await;
    let last = owner.tenure.last_commit;
    assert!((before..=after).contains(&last), "{before} <= {last} <= {after}");
    owner.applied(vec![message(&id, 2, "alice")], &["alice", "bob"]).await;
    assert_eq!(Owner::of(backend.store(), &id).await.tenure.last_commit, last, "own commits do not count");
}
