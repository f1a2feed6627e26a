//! Many writers at once: batching must not mix them up.

use longwave_model::{ConversationKind, Role, ShardId};
use longwave_model::{OwnerId, Position};
use longwave_persistence::contract::sample::{Owner, conversation, created, message};
use longwave_persistence::{Append, Direction, Journal, Log, Outcome, Watermarks};

use crate::bench::{Bench, any};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_share_commits_and_keep_their_own_order() {
    let bench = Bench::new();
    let store = bench.open();
    let lanes: Vec<_> = (0..4)
        .map(|shard| {
            let store = any(&store);
            tokio::spawn(async move {
                let id = conversation(&format!("lane-{shard}"));
                let mut owner = Owner::take(store, ShardId(shard)).await;
                let first = created(&id, ConversationKind::Group, &[("alice", Role::Owner)]);
                owner.applied(vec![first], &["alice"]).await;
                for seq in (2..200).step_by(3) {
                    let entries = (seq..seq + 3).map(|seq| message(&id, seq, "alice")).collect();
                    owner.applied(entries, &["alice"]).await;
                }
                id
            })
        })
        .collect();
    for lane in lanes {
        let id = lane.await.unwrap();
        let page = store.page(&id, 1..=1000, Direction::Forward, 1000, usize::MAX).await.unwrap();
        let seqs: Vec<_> = page.entries.iter().map(|entry| entry.seq.0).collect();
        assert_eq!(seqs, (1..=199).collect::<Vec<_>>());
    }
    let stats = store.stats();
    assert!(stats.commits <= stats.requests, "{stats:?}");
}

#[tokio::test]
async fn a_take_and_an_append_of_the_old_owner_in_one_commit() {
    let bench = Bench::new();
    let store = bench.open();
    let old = store.take(ShardId(0), OwnerId(1)).await.unwrap();
    let stale = Append {
        shard: ShardId(0),
        epoch: old.epoch,
        head: Position(0),
        entries: Vec::new(),
        watermarks: Watermarks::default(),
    };
    // Polled in this order, both are in the queue before either is answered.
    let (taken, appended) = tokio::join!(biased; store.take(ShardId(0), OwnerId(2)), store.append(stale));
    assert!(taken.unwrap().epoch > old.epoch);
    assert!(matches!(appended, Outcome::NotApplied), "{appended:?}");
}
