//! Streams: everything handed over is taken once, by one of several, and by another when that one dies.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use longwave_persistence::redis::{Redis, RedisConfig, StreamId};

use crate::engine::{at, connect, on_each_topology};
use crate::server::Server;

const HOUR: Duration = Duration::from_secs(3600);

on_each_topology!(
    what_is_added_is_read_once_and_in_order,
    consumers_share_a_stream,
    what_a_dead_consumer_had_is_claimed,
    counts_are_limits,
    thousands_go_in_one_call,
);

fn items(count: usize) -> Vec<Bytes> {
    (0..count).map(|number| Bytes::from(format!("item {number}"))).collect()
}

fn ids(entries: &[(u16, StreamId, Bytes)]) -> Vec<StreamId> {
    entries.iter().map(|(_, id, _)| *id).collect()
}

async fn what_is_added_is_read_once_and_in_order(config: RedisConfig) {
    let redis = connect(&config).await;
    let shards = [0, 1, 63];
    assert_eq!(redis.stream_state(&shards).await.unwrap(), [None, None, None]);
    let added = redis.stream_add(0, &items(3)).await.unwrap();
    assert!(added.is_sorted_by(|one, next| one < next), "{added:?}");
    // Any bytes.
    let odd = Bytes::from_static(b"\r\n\0\xff$5");
    let other = redis.stream_add(63, std::slice::from_ref(&odd)).await.unwrap();
    assert_eq!(redis.stream_add(1, &[]).await.unwrap(), []);

    let state = redis.stream_state(&shards).await.unwrap();
    let first = state[0].unwrap();
    assert_eq!((first.length, first.added), (3, 3));
    assert_eq!((first.first, first.last_generated), (Some(added[0]), added[2]));
    assert_eq!(state[1], None, "nothing was added");

    let read = redis.stream_read("a", &shards, 10).await.unwrap();
    let mut expected: Vec<_> = added.iter().zip(items(3)).map(|(id, item)| (0, *id, item)).collect();
    expected.push((63, other[0], odd));
    assert_eq!(read, expected);
    assert_eq!(redis.stream_read("a", &shards, 10).await.unwrap(), []);
    assert_eq!(redis.stream_read("b", &shards, 10).await.unwrap(), []);

    redis.stream_done(0, &added[..2]).await.unwrap();
    let state = redis.stream_state(&[0]).await.unwrap()[0].unwrap();
    assert_eq!((state.length, state.first, state.added), (1, Some(added[2]), 3));
    redis.stream_done(0, &added).await.unwrap();
    redis.stream_done(0, &[]).await.unwrap();
    let state = redis.stream_state(&[0]).await.unwrap()[0].unwrap();
    assert_eq!((state.length, state.first, state.last_generated, state.added), (0, None, added[2], 3));
    assert_eq!(redis.stream_claim("b", 0, Duration::ZERO, 10).await.unwrap(), []);
}

async fn consumers_share_a_stream(config: RedisConfig) {
    let redis = connect(&config).await;
    // They are there before the stream is, and both would make it.
    let (one, other) = tokio::join!(redis.stream_read("a", &[5], 10), redis.stream_read("b", &[5], 10));
    assert_eq!((one.unwrap(), other.unwrap()), (Vec::new(), Vec::new()));
    let added = redis.stream_add(5, &items(200)).await.unwrap();
    let take = async |consumer: &str| {
        let mut mine = Vec::new();
        loop {
            let read = redis.stream_read(consumer, &[5], 7).await.unwrap();
            if read.is_empty() {
                return mine;
            }
            mine.extend(ids(&read));
        }
    };
    let (one, other) = tokio::join!(take("a"), take("b"));
    assert!(one.is_sorted() && other.is_sorted());
    assert_eq!(one.len() + other.len(), 200, "nothing twice");
    assert_eq!(one.into_iter().chain(other).collect::<BTreeSet<_>>(), added.into_iter().collect());
}

async fn what_a_dead_consumer_had_is_claimed(config: RedisConfig) {
    let redis = connect(&config).await;
    assert_eq!(redis.stream_claim("b", 9, Duration::ZERO, 10).await.unwrap(), [], "there is no stream yet");
    let added = redis.stream_add(9, &items(5)).await.unwrap();
    assert_eq!(redis.stream_claim("b", 9, Duration::ZERO, 10).await.unwrap(), [], "nobody has read");
    let read = redis.stream_read("a", &[9], 4).await.unwrap();
    redis.stream_done(9, &added[1..2]).await.unwrap();
    assert_eq!(redis.stream_claim("b", 9, HOUR, 10).await.unwrap(), [], "it may still live");
    let claimed = redis.stream_claim("b", 9, Duration::ZERO, 10).await.unwrap();
    let expected: Vec<_> = [0, 2, 3].map(|at| (read[at].1, read[at].2.clone())).to_vec();
    assert_eq!(claimed, expected);
    // Now they are b's, since a moment ago.
    assert_eq!(redis.stream_claim("c", 9, HOUR, 10).await.unwrap(), []);
    assert_eq!(ids(&redis.stream_read("c", &[9], 10).await.unwrap()), &added[4..]);
    redis.stream_done(9, &added).await.unwrap();
    assert_eq!(redis.stream_claim("c", 9, Duration::ZERO, 10).await.unwrap(), []);
    assert_eq!(redis.stream_state(&[9]).await.unwrap()[0].unwrap().length, 0);
}

async fn counts_are_limits(config: RedisConfig) {
    let redis = connect(&config).await;
    for shard in [1, 2] {
        redis.stream_add(shard, &items(30)).await.unwrap();
    }
    assert_eq!(redis.stream_read("a", &[1, 2], 0).await.unwrap(), []);
    let read = redis.stream_read("a", &[1, 2], 10).await.unwrap();
    assert_eq!(read.iter().map(|(shard, ..)| *shard).collect::<Vec<_>>(), [[1; 10], [2; 10]].concat());
    assert_eq!(redis.stream_read("a", &[1, 2], usize::MAX).await.unwrap().len(), 40);
    assert_eq!(redis.stream_claim("b", 1, Duration::ZERO, 0).await.unwrap(), []);
    let claimed = redis.stream_claim("b", 1, Duration::ZERO, 7).await.unwrap();
    assert_eq!(claimed.iter().map(|(_, item)| item.clone()).collect::<Vec<_>>(), items(7));
    assert_eq!(redis.stream_claim("b", 1, Duration::ZERO, usize::MAX).await.unwrap().len(), 30);
    assert_eq!(redis.stream_claim("b", 1, Duration::MAX, usize::MAX).await.unwrap(), []);
    let large = Bytes::from(vec![7; 200_000]);
    redis.stream_add(3, std::slice::from_ref(&large)).await.unwrap();
    assert_eq!(redis.stream_read("a", &[3], 1).await.unwrap()[0].2, large);
}

async fn thousands_go_in_one_call(config: RedisConfig) {
    let redis = connect(&config).await;
    let added = redis.stream_add(0, &items(5000)).await.unwrap();
    assert!(added.is_sorted_by(|one, next| one < next));
    let mut read = Vec::new();
    while read.len() < added.len() {
        let more = redis.stream_read("a", &[0], usize::MAX).await.unwrap();
        assert!(!more.is_empty(), "{} of them are missing", added.len() - read.len());
        read.extend(more);
    }
    assert_eq!(ids(&read), added);
    let claimed = redis.stream_claim("b", 0, Duration::ZERO, usize::MAX).await.unwrap();
    assert_eq!(claimed.iter().map(|(id, _)| *id).collect::<Vec<_>>(), added);
    redis.stream_done(0, &added).await.unwrap();
    assert_eq!(redis.stream_state(&[0]).await.unwrap()[0].unwrap().length, 0);
    let all: Vec<u16> = (0..1024).collect();
    assert_eq!(redis.stream_read("a", &all, 10).await.unwrap(), []);
}

/// A server of the test's own, which may be emptied.
async fn own() -> Option<(Server, Redis, String)> {
    let server = Server::start(&[])?;
    let config = at(server.address());
    let redis = connect(&config).await;
    redis.ping().await.unwrap();
    Some((server, redis, format!("{}:push:4", config.prefix)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_is_noticed_and_reading_goes_on() {
    let Some((server, redis, _)) = own().await else { return };
    let before = redis.stream_add(4, &items(3)).await.unwrap();
    assert_eq!(redis.stream_read("a", &[4], 2).await.unwrap().len(), 2);
    server.ask::<()>(&["FLUSHALL"]);
    assert_eq!(redis.stream_state(&[4]).await.unwrap(), [None], "the writer looks before anybody else does");

    assert_eq!(redis.stream_claim("b", 4, Duration::ZERO, 10).await.unwrap(), []);
    redis.stream_done(4, &before).await.unwrap();
    assert_eq!(redis.stream_read("a", &[4], 10).await.unwrap(), []);
    let state = redis.stream_state(&[4]).await.unwrap()[0].unwrap();
    assert!(state.last_generated < before[2], "a reader has made it again: {state:?}");
    assert_eq!((state.length, state.added), (0, 0));

    let after = redis.stream_add(4, &items(2)).await.unwrap();
    let state = redis.stream_state(&[4]).await.unwrap()[0].unwrap();
    assert_eq!(state.added, 2, "the writer has added five");
    assert_eq!(ids(&redis.stream_read("a", &[4], 10).await.unwrap()), after);

    // A group alone that is lost: what is there is read again from the beginning.
    server.ask::<()>(&["FLUSHALL"]);
    let again = redis.stream_add(4, &items(2)).await.unwrap();
    assert_eq!(ids(&redis.stream_read("b", &[4], 10).await.unwrap()), again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_lives_for_two_hours_after_the_last_writing() {
    let Some((server, redis, key)) = own().await else { return };
    redis.stream_read("a", &[4], 1).await.unwrap();
    let lives = || server.ask::<i64>(&["PTTL", &key]);
    assert!((1..=7_200_000).contains(&lives()), "one that a reader made: {}", lives());
    server.ask::<()>(&["PEXPIRE", &key, "100000"]);
    redis.stream_read("a", &[4], 1).await.unwrap();
    assert!(lives() <= 100_000, "reading does not lengthen it");
    redis.stream_add(4, &items(1)).await.unwrap();
    assert!(lives() > 100_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_or_dead_is_forgotten() {
    let Some((server, redis, key)) = own().await else { return };
    let added = redis.stream_add(4, &items(3)).await.unwrap();
    redis.stream_read("a", &[4], 3).await.unwrap();
    // Deleted, but not acknowledged, as by one that died between the two.
    assert_eq!(server.ask::<i64>(&["XDEL", &key, &added[1].to_string()]), 1);
    let claimed = redis.stream_claim("b", 4, Duration::ZERO, 10).await.unwrap();
    assert_eq!(claimed.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [added[0], added[2]]);
    let knows = |name: &str| {
        let all: Vec<HashMap<String, redis::Value>> = server.ask(&["XINFO", "CONSUMERS", &key, "push"]);
        all.iter().any(|consumer| consumer["name"] == redis::Value::BulkString(name.as_bytes().to_vec()))
    };
    assert!(!knows("a"), "it has nothing left");
    // Another one that takes none of b's leaves it alone.
    assert_eq!(redis.stream_claim("c", 4, HOUR, 10).await.unwrap(), []);
    assert!(knows("b"));
    redis.stream_done(4, &added).await.unwrap();
    let pending: redis::Value = server.ask(&["XPENDING", &key, "push"]);
    assert!(matches!(&pending, redis::Value::Array(parts) if parts[0] == redis::Value::Int(0)), "{pending:?}");
}
