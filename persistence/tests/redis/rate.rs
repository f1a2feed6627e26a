//! Token buckets.

use longwave_persistence::redis::RedisConfig;

use crate::engine::{connect, on_each_topology, until};

on_each_topology!(a_burst_passes_and_then_the_rate, buckets_are_filled_again);

async fn a_burst_passes_and_then_the_rate(config: RedisConfig) {
    let redis = connect(&config).await;
    // One token a second: a burst of five takes far less time than the next token needs.
    for _ in 0..5 {
        assert_eq!(redis.take("alice", 1, 1, 5).await.unwrap(), None);
    }
    let wait = redis.take("alice", 1, 1, 5).await.unwrap().expect("the bucket is empty");
    assert!((1..=1000).contains(&wait), "{wait}");
    let for_three = redis.take("alice", 3, 1, 5).await.unwrap().expect("the bucket is empty");
    assert!((1001..=3000).contains(&for_three), "{for_three}");
    assert_eq!(redis.take("bob", 5, 1, 5).await.unwrap(), None, "each has a bucket of its own");
    assert!(redis.take("bob", 1, 1, 5).await.unwrap().is_some());
    assert_eq!(redis.take("carol", 9, 1, 5).await.unwrap(), None, "a cost above the burst is the burst");
    assert!(redis.take("carol", 1, 1, 5).await.unwrap().is_some());
}

async fn buckets_are_filled_again(config: RedisConfig) {
    let redis = connect(&config).await;
    assert_eq!(redis.take("alice", 10, 10, 10).await.unwrap(), None);
    assert!(redis.take("alice", 10, 10, 10).await.unwrap().is_some());
    until("the bucket is full again", async || redis.take("alice", 10, 10, 10).await.unwrap().is_none()).await;
}
