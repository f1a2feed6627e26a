//! Logs longer than a bucket: pages across the border, dedup rows in the buckets before.

use std::sync::Arc;

use longwave_model::Seq;
use longwave_persistence::contract::Backend as _;
use longwave_persistence::contract::sample::{conversation, message, message_id, user};
use longwave_persistence::views::views;
use longwave_persistence::{Audience, Direction};

use crate::engine::Keyspace;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_goes_on_in_the_next_bucket() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let store = keyspace.store();
    let id = conversation("alice:bob");
    let nobody = Arc::new(Audience::default());
    let seqs: Vec<u64> = [1, 2].into_iter().chain(4090..=4100).chain(8190..=8194).collect();
    for chunk in seqs.chunks(8) {
        let entries = chunk.iter().map(|seq| Arc::new(message(&id, *seq, "alice")));
        let writes = entries.flat_map(|entry| views(&entry, &nobody)).collect();
        store.apply(writes).await.unwrap();
    }
    assert_eq!(store.head(&id).await.unwrap().unwrap().seq, Seq(8194));
    let read = async |range, direction, limit| {
        let page = store.page(&id, range, direction, limit, usize::MAX).await.unwrap();
        (page.entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), page.covered)
    };
    let forward = read(4094..=4097, Direction::Forward, 100).await;
    assert_eq!(forward, (vec![4094, 4095, 4096, 4097], Some(4094..=4097)));
    let backward = read(4094..=4097, Direction::Backward, 3).await;
    assert_eq!(backward, (vec![4097, 4096, 4095], Some(4095..=4097)));
    // What is not there has expired, and is covered; a page covers two buckets at most.
    let (seqs, covered) = read(1..=8194, Direction::Forward, 1000).await;
    assert_eq!((seqs.len(), covered), (13 + 3, Some(1..=8192)));
    let stored = store.dedup(&id, &user("alice"), &message_id("alice-2")).await.unwrap();
    assert_eq!(stored.unwrap().seq, Seq(2), "two buckets back");
    let stored = store.dedup(&id, &user("alice"), &message_id("alice-3")).await.unwrap();
    assert_eq!(stored, None);
    drop(store);
    keyspace.drop().await;
}
