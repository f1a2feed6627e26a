//! Token buckets.

use longwave_persistence::redis::RedisConfig;

use crate::engine::{connect, on_each_topology, take, until};

on_each_topology!(a_burst_passes_and_then_the_rate, buckets_are_filled_again, many_buckets_at_once);

async fn a_burst_passes_and_then_the_rate(config: RedisConfig) {
    let redis = connect(&config).await;
    // One token a second: a burst of five takes far less time than the next token needs.
    for _ in 0..5 {
        assert_eq!(take(&redis, "alice", 1, 1, 5).await.unwrap(), None);
    }
    let wait = take(&redis, "alice", 1, 1, 5).await.unwrap().expect("the bucket is empty");
    assert!((1..=1000).contains(&wait), "{wait}");
    let for_three = take(&redis, "alice", 3, 1, 5).await.unwrap().expect("the bucket is empty");
    assert!((1001..=3000).contains(&for_three), "{for_three}");
    assert_eq!(take(&redis, "bob", 5, 1, 5).await.unwrap(), None, "each has a bucket of its own");
    assert!(take(&redis, "bob", 1, 1, 5).await.unwrap().is_some());
    assert_eq!(take(&redis, "carol", 9, 1, 5).await.unwrap(), None, "a cost above the burst is the burst");
    assert!(take(&redis, "carol", 1, 1, 5).await.unwrap().is_some());
}

async fn buckets_are_filled_again(config: RedisConfig) {
    let redis = connect(&config).await;
    assert_eq!(take(&redis, "alice", 10, 10, 10).await.unwrap(), None);
    assert!(take(&redis, "alice", 10, 10, 10).await.unwrap().is_some());
    until("the bucket is full again", async || take(&redis, "alice", 10, 10, 10).await.unwrap().is_none()).await;
}

async fn many_buckets_at_once(config: RedisConfig) {
    let redis = connect(&config).await;
    let costs = [("alice", 5), ("bob", 1), ("alice", 1), ("bob", 4)];
    let waits = redis.take(&costs, 1, 5).await.unwrap();
    assert_eq!(waits.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, false]);
}
