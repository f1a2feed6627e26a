//! Hot entries: exactly what was asked for, or nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use longwave_model::{Content, Entry, Message, Seq};
use longwave_persistence::redis::RedisConfig;

use crate::engine::{connect, conversation, on_each_topology, until, user};

on_each_topology!(
    a_range_comes_whole_or_not_at_all,
    an_entry_that_is_given_again_replaces_the_first,
    the_last_fifty_are_kept,
    what_has_expired_is_not_given_out,
);

fn entry(name: &str, seq: u64, body: &str) -> Arc<Entry> {
    let message = Message { body: Bytes::copy_from_slice(body.as_bytes()), ..Message::default() };
    Arc::new(Entry {
        conversation: conversation(name),
        seq: Seq(seq),
        ts: 1_700_000_000_000 + seq,
        sender: user("alice"),
        device: None,
        id: None,
        expires_at: None,
        origin: None,
        content: Content::Message(message),
    })
}

async fn a_range_comes_whole_or_not_at_all(config: RedisConfig) {
    let redis = connect(&config).await;
    let team = conversation("team");
    // Two conversations, out of order, and 4 is missing.
    let entries: Vec<_> = [3, 1, 2, 5].map(|seq| entry("team", seq, "hello")).to_vec();
    let all: Vec<_> = entries.iter().cloned().chain([entry("alice:bob", 4, "other")]).collect();
    redis.remember(&all).await.unwrap();
    let expected = vec![entries[1].clone(), entries[2].clone(), entries[0].clone()];
    assert_eq!(redis.recall(&team, 1..=3).await.unwrap(), Some(expected));
    assert_eq!(redis.recall(&team, 3..=5).await.unwrap(), None, "4 is missing");
    assert_eq!(redis.recall(&team, 4..=4).await.unwrap(), None);
    assert_eq!(redis.recall(&team, 5..=6).await.unwrap(), None);
    assert_eq!(redis.recall(&conversation("nobody"), 1..=1).await.unwrap(), None);
    redis.remember(&[entry("team", 4, "late")]).await.unwrap();
    assert_eq!(redis.recall(&team, 1..=5).await.unwrap().unwrap().len(), 5);
    assert_eq!(
        redis.recall(&conversation("alice:bob"), 4..=4).await.unwrap().unwrap(),
        [entry("alice:bob", 4, "other")]
    );
}

async fn an_entry_that_is_given_again_replaces_the_first(config: RedisConfig) {
    let redis = connect(&config).await;
    redis.remember(&[entry("team", 1, "first"), entry("team", 2, "second")]).await.unwrap();
    redis.remember(&[entry("team", 1, "changed")]).await.unwrap();
    let recalled = redis.recall(&conversation("team"), 1..=2).await.unwrap().unwrap();
    assert_eq!(recalled, [entry("team", 1, "changed"), entry("team", 2, "second")]);
}

async fn the_last_fifty_are_kept(config: RedisConfig) {
    let redis = connect(&config).await;
    let team = conversation("team");
    let entries: Vec<_> = (1..=60).map(|seq| entry("team", seq, "hello")).collect();
    redis.remember(&entries).await.unwrap();
    assert_eq!(redis.recall(&team, 11..=60).await.unwrap().unwrap(), entries[10..]);
    assert_eq!(redis.recall(&team, 10..=20).await.unwrap(), None);
    assert_eq!(redis.recall(&team, 1..=u64::MAX).await.unwrap(), None);
    let large = entry("team", 61, &"x".repeat(20_000));
    redis.remember(&[large]).await.unwrap();
    assert_eq!(redis.recall(&team, 60..=61).await.unwrap(), None, "large ones are left to the log");
}

async fn what_has_expired_is_not_given_out(config: RedisConfig) {
    let redis = connect(&RedisConfig { hot_life_time: Duration::from_secs(1), ..config.clone() }).await;
    let lasting = connect(&config).await;
    let team = conversation("team");
    let expired = Entry { expires_at: Some(1_700_000_000_000), ..(*entry("team", 2, "gone")).clone() };
    lasting.remember(&[entry("team", 1, "hello"), Arc::new(expired)]).await.unwrap();
    assert!(redis.recall(&team, 1..=1).await.unwrap().is_some());
    assert_eq!(redis.recall(&team, 1..=2).await.unwrap(), None);
    redis.remember(&[entry("team", 3, "brief")]).await.unwrap();
    until("the conversation is no longer hot", async || redis.recall(&team, 1..=1).await.unwrap().is_none()).await;
}
