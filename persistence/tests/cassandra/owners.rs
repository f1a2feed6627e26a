//! Several would-be owners of one shard: every position is given once, and a former owner changes nothing (protocol rules 1 to 3).

use std::sync::Arc;

use longwave_model::{Position, Seq, ShardId};
use longwave_persistence::cassandra::Cassandra;
use longwave_persistence::contract::sample::{Owner, conversation, message};
use longwave_persistence::views::views;
use longwave_persistence::{Appended, Audience, Direction, Journal as _, Log as _, Outcome};

use crate::engine::Keyspace;

/// Would-be owners, each with a connection of its own.
const OWNERS: usize = 5;
/// How often each takes the shard.
const TERMS: usize = 6;
/// Appends in a term, if it is not fenced before.
const APPENDS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_racing_owners_one_wins_each_position() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let mut racers = Vec::new();
    for number in 0..OWNERS {
        let store = Arc::new(Cassandra::connect(&keyspace.config).await.unwrap());
        racers.push(tokio::spawn(race(store, number)));
    }
    let mut won = Vec::new();
    for racer in racers {
        won.extend(racer.await.unwrap());
    }
    won.sort_unstable();
    let store = keyspace.store.clone().unwrap();
    let tail = store.tail(ShardId(1), Position(0), 10_000).await.unwrap();
    let positions: Vec<_> = tail.iter().map(|row| row.position.0).collect();
    assert_eq!(positions, (1..=tail.len() as u64).collect::<Vec<_>>(), "dense");
    let seqs: Vec<_> = tail.iter().map(|row| row.entry.seq.0).collect();
    assert_eq!(seqs, positions, "each owner went on from where the journal ended");
    assert_eq!(won, positions, "what was told applied is what is there");
    keyspace.drop().await;
}

/// Returns the positions that it was told are its own.
async fn race(store: Arc<Cassandra>, number: usize) -> Vec<u64> {
    let id = conversation("race");
    let mut won = Vec::new();
    for _ in 0..TERMS {
        // Others may take it all the time; whoever asks asks again.
        let mut owner = Owner::take(store.clone(), ShardId(1)).await;
        for _ in 0..APPENDS {
            let seq = owner.tenure.head.0 + 1;
            let mut entry = message(&id, seq, &format!("racer-{number}"));
            entry.id = None;
            let appended = Appended { entry: Arc::new(entry), audience: Arc::new(Audience::default()) };
            match store.append(owner.request(vec![appended])).await {
                Outcome::Applied => {
                    won.push(seq);
                    owner.tenure.head = Position(seq);
                }
                Outcome::NotApplied => break,
                // One node that is there: a rival ballot may still make a statement time out.
                Outcome::Unknown(_) => {
                    owner = Owner::take(store.clone(), ShardId(1)).await;
                    let there = store.tail(ShardId(1), Position(seq - 1), 1).await.unwrap();
                    if there.first().is_some_and(|row| row.entry.sender.as_str() == format!("racer-{number}")) {
                        won.push(seq);
                    }
                }
                Outcome::Rejected(error) => panic!("{error}"),
            }
            tokio::task::yield_now().await;
        }
    }
    won
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zombie_commits_nothing_and_its_late_views_change_nothing() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let store = keyspace.store.clone().unwrap();
    let id = conversation("alice:bob");
    let nobody = Arc::new(Audience::default());
    let mut zombie = Owner::of(store.clone(), &id).await;
    zombie.applied(vec![message(&id, 1, "alice")], &["alice", "bob"]).await;
    // It has appended 2, and stops before it writes the views.
    let second = Arc::new(message(&id, 2, "alice"));
    let appended = Appended { entry: second.clone(), audience: nobody.clone() };
    assert!(matches!(store.append(zombie.request(vec![appended])).await, Outcome::Applied));
    assert_eq!(store.head(&id).await.unwrap().unwrap().seq, Seq(1), "its views are not written");

    let other = Arc::new(Cassandra::connect(&keyspace.config).await.unwrap());
    let mut heir = Owner::of(other.clone(), &id).await;
    assert_eq!(heir.tenure.head, Position(2));
    let tail = other.tail(heir.shard, heir.tenure.watermarks.applied, 10).await.unwrap();
    for row in &tail {
        other.apply(views(&row.entry, &nobody)).await.unwrap();
    }
    heir.applied(vec![message(&id, 3, "bob")], &["alice", "bob"]).await;

    zombie.tenure.head = Position(2);
    let third = zombie.append(vec![message(&id, 3, "alice")], &["alice", "bob"]).await;
    assert!(matches!(third, Outcome::NotApplied), "{third:?}");
    store.apply(views(&second, &nobody)).await.unwrap();
    assert_eq!(store.head(&id).await.unwrap().unwrap().seq, Seq(3), "a late head is no step back");
    let page = store.page(&id, 1..=9, Direction::Forward, 9, usize::MAX).await.unwrap();
    let senders: Vec<_> = page.entries.iter().map(|entry| (entry.seq.0, entry.sender.as_str())).collect();
    assert_eq!(senders, [(1, "alice"), (2, "alice"), (3, "bob")]);
    keyspace.drop().await;
}
