//! Sentinels: the master is found through them, and its successor too.

use bytes::Bytes;
use longwave_model::ErrorCode;
use longwave_persistence::redis::{BusEvent, Holder, RedisConfig, Topology};

use crate::engine::{self, at, connect, next, node, session, take, until};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_is_found_through_a_sentinel() {
    let Some(config) = engine::sentinel() else { return };
    let redis = connect(&config).await;
    let phone = [session("alice", "phone")];
    assert_eq!(redis.register(&node("n1"), &phone).await.unwrap(), [Holder::Missing]);
    assert_eq!(redis.node_of_device(&phone[0].0, &phone[0].1).await.unwrap(), Some(node("n1")));
    let mut receiver = redis.subscribe(&node("n1"));
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    assert_eq!(redis.publish(vec![(node("n1"), Bytes::from_static(b"hello"))]).await.unwrap(), [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_no_sentinel_knows_is_said() {
    let Some(config) = engine::sentinel() else { return };
    let nobody = Topology::Sentinel { master: "nobody".to_owned() };
    let redis = connect(&RedisConfig { topology: nobody, ..config }).await;
    let error = redis.ping().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RedisUnavailable);
    assert!(error.to_string().contains("no master is called nobody"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_is_followed() {
    let Some(mut master) = Server::start(&[]) else { return };
    let port = master.port.to_string();
    let Some(replica) = Server::start(&["--replicaof", "127.0.0.1", &port]) else { return };
    let Some(sentinel) = Server::start(&["--sentinel"]) else { return };
    sentinel.ask::<()>(&["SENTINEL", "MONITOR", "lw", "127.0.0.1", &port, "1"]);
    sentinel.ask::<()>(&["SENTINEL", "SET", "lw", "down-after-milliseconds", "500"]);
    until("the sentinel knows the replica", async || {
        sentinel.ask::<String>(&["INFO", "sentinel"]).contains("slaves=1")
            && replica.ask::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    })
    .await;
    let topology = Topology::Sentinel { master: "lw".to_owned() };
    let redis = connect(&RedisConfig { topology, ..at(sentinel.address()) }).await;
    let (one, phone) = (node("n1"), [session("alice", "phone")]);
    redis.register(&one, &phone).await.unwrap();
    let mut receiver = redis.subscribe(&one);
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);

    master.kill();
    assert_eq!(next(&mut receiver).await, BusEvent::Lost);
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    until("requests reach the new master", async || redis.refresh(&one, &phone).await.is_ok()).await;
    assert!(replica.ask::<String>(&["INFO", "replication"]).contains("role:master"));
    let hello = Bytes::from_static(b"hello");
    assert_eq!(redis.publish(vec![(one.clone(), hello.clone())]).await.unwrap(), [1]);
    assert_eq!(next(&mut receiver).await, BusEvent::Message(hello));

    // The former master comes back, thinks for a while that it is one, and is not used.
    master.start_again();
    until("the former master is a replica", async || {
        master.ask::<String>(&["INFO", "replication"]).contains("role:slave")
    })
    .await;
    assert_eq!(redis.refresh(&one, &phone).await.unwrap(), [Holder::Here]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_was_made_a_replica_is_used_no_more() {
    let Some(master) = Server::start(&[]) else { return };
    let Some(other) = Server::start(&[]) else { return };
    let Some(sentinel) = Server::start(&["--sentinel"]) else { return };
    sentinel.ask::<()>(&["SENTINEL", "MONITOR", "lw", "127.0.0.1", &master.port.to_string(), "1"]);
    let topology = Topology::Sentinel { master: "lw".to_owned() };
    let redis = connect(&RedisConfig { topology, ..at(sentinel.address()) }).await;
    redis.ping().await.unwrap();
    master.ask::<()>(&["REPLICAOF", "127.0.0.1", &other.port.to_string()]);
    // The first write is refused; then not even reads are sent there, which would be of another master's data.
    until("nothing is read from it", async || {
        let _ = take(&redis, "alice", 1, 1, 5).await;
        redis.ping().await.is_err_and(|error| error.to_string().contains("is not a master"))
    })
    .await;
    master.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
    until("it is a master again", async || take(&redis, "alice", 1, 1, 5).await.is_ok()).await;
}
