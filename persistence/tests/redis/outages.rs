//! Redis is away, comes back, is empty, is frozen: calls fail in time and everything comes back by itself.

use std::time::Duration;

use bytes::Bytes;
use longwave_model::ErrorCode;
use longwave_persistence::redis::{BusEvent, Holder, Redis, RedisConfig};

use crate::engine::{PATIENCE, at, connect, next, node, session, until};
use crate::server::Server;

async fn ready(redis: &Redis) {
    until("redis answers", async || redis.ping().await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_starts_without_redis() {
    let Some(server) = Server::prepared(&[]) else { return };
    let redis = connect(&at(server.address())).await;
    let mut receiver = redis.subscribe(&node("n1"));
    let error = redis.nodes().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RedisUnavailable);
    assert!(error.to_string().contains(&server.address()), "{error}");
    assert!(redis.unavailable().unwrap().contains("refused"), "{:?}", redis.unavailable());
    let _server = server.started();
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    ready(&redis).await;
    until("it is well", async || redis.ping().await.is_ok() && redis.unavailable().is_none()).await;
    let stats = redis.stats();
    assert!(stats.failures >= 1 && stats.requests > stats.failures, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_is_found_again() {
    let Some(mut server) = Server::start(&[]) else { return };
    let redis = connect(&at(server.address())).await;
    let (one, phone) = (node("n1"), [session("alice", "phone")]);
    let mut receiver = redis.subscribe(&one);
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    assert_eq!(redis.register(&one, &phone).await.unwrap(), [Holder::Missing]);
    assert_eq!(redis.refresh(&one, &phone).await.unwrap(), [Holder::Here]);
    for round in 0..3u8 {
        server.kill();
        assert_eq!(next(&mut receiver).await, BusEvent::Lost);
        until("a request fails", async || redis.refresh(&one, &phone).await.is_err()).await;
        server.start_again();
        assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
        ready(&redis).await;
        assert_eq!(redis.refresh(&one, &phone).await.unwrap(), [Holder::Missing], "the server forgot it");
        let message = Bytes::from(vec![round]);
        assert_eq!(redis.publish(vec![(one.clone(), message.clone())]).await.unwrap(), [1]);
        assert_eq!(next(&mut receiver).await, BusEvent::Message(message));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_emptied_is_reported_missing() {
    let Some(server) = Server::start(&[]) else { return };
    let redis = connect(&at(server.address())).await;
    let (one, phone) = (node("n1"), [session("alice", "phone")]);
    redis.register(&one, &phone).await.unwrap();
    server.ask::<()>(&["FLUSHALL"]);
    server.ask::<()>(&["SCRIPT", "FLUSH"]);
    assert_eq!(redis.refresh(&one, &phone).await.unwrap(), [Holder::Missing]);
    assert_eq!(redis.node_of_device(&phone[0].0, &phone[0].1).await.unwrap(), Some(one.clone()));
    assert_eq!(redis.unavailable(), None, "an empty server is a well one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_costs_no_more_than_the_time_limit() {
    let Some(server) = Server::start(&[]) else { return };
    let config = RedisConfig { request_timeout: Duration::from_millis(500), ..at(server.address()) };
    let redis = connect(&config).await;
    let mut receiver = redis.subscribe(&node("n1"));
    ready(&redis).await;
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    server.signal("STOP");
    let calls = (0..50).map(|_| redis.nodes());
    let ended = tokio::time::timeout(PATIENCE, futures_util::future::join_all(calls)).await;
    for result in ended.expect("a call never ends") {
        assert_eq!(result.unwrap_err().code(), ErrorCode::RedisUnavailable);
    }
    assert!(redis.unavailable().is_some());
    // Nobody closes the connection of the bus; it is found dead because it gives no sign of life.
    assert_eq!(next(&mut receiver).await, BusEvent::Lost);
    server.signal("CONT");
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    ready(&redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_come_back() {
    let Some(server) = Server::start(&[]) else { return };
    let redis = connect(&at(server.address())).await;
    let mut receiver = redis.subscribe(&node("n1"));
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    ready(&redis).await;
    server.ask::<i64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    server.ask::<i64>(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(next(&mut receiver).await, BusEvent::Lost);
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    ready(&redis).await;
}

#[tokio::test]
async fn a_wrong_password_has_a_number_and_a_reason() {
    let Some(server) = Server::start(&["--requirepass", "right"]) else { return };
    // Without a password, and with a wrong one.
    for password in [None, Some("wrong".to_owned())] {
        let redis = connect(&RedisConfig { password, ..at(server.address()) }).await;
        let error = redis.nodes().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::RedisRefused, "{error}");
        assert!(["authentication failed", "NOAUTH"].iter().any(|said| error.to_string().contains(said)), "{error}");
        assert!(redis.unavailable().unwrap().contains(&error.to_string()));
    }
    let redis = connect(&RedisConfig { password: Some("right".to_owned()), ..at(server.address()) }).await;
    assert_eq!(redis.nodes().await.unwrap(), []);
}
