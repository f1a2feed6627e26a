//! A cluster that changes under way: slots move, and nobody notices but the one who looks.
//!
//! Two masters of the test's own, so that nobody else's slots move.

use bytes::Bytes;
use longwave_persistence::redis::{BusEvent, Redis, RedisConfig, Topology};

use crate::engine::{at, connect, next, node, take, until};
use crate::server::Server;

struct Cluster {
    first: Server,
    second: Server,
}

impl Cluster {
    /// All slots on the first master.
    async fn start() -> Option<Self> {
        let start = || Server::start(&["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]);
        let cluster = Self { first: start()?, second: start()? };
        cluster.first.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        // Not both at epoch 0, or they would have to settle that first.
        cluster.second.ask::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", "2"]);
        cluster.second.ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &cluster.first.port.to_string()]);
        let one = |server: &Server| {
            let info: String = server.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
        };
        until("the masters are one cluster", async || one(&cluster.first) && one(&cluster.second)).await;
        Some(cluster)
    }

    async fn connect(&self) -> (Redis, RedisConfig) {
        let config = RedisConfig { topology: Topology::Cluster, ..at(self.first.address()) };
        let redis = connect(&config).await;
        redis.ping().await.unwrap();
        (redis, config)
    }

    fn slot(&self, key: &str) -> String {
        self.first.ask::<u16>(&["CLUSTER", "KEYSLOT", key]).to_string()
    }

    /// Moves a slot, which must be empty, to the second master.
    fn move_to_second(&self, slot: &str) {
        let id: String = self.second.ask(&["CLUSTER", "MYID"]);
        self.second.ask::<()>(&["CLUSTER", "SETSLOT", slot, "NODE", &id]);
        self.first.ask::<()>(&["CLUSTER", "SETSLOT", slot, "NODE", &id]);
    }

    /// Begins to move it: the first master sends questions about keys that it has not to the second.
    fn begin_to_move(&self, slot: &str) {
        let from: String = self.first.ask(&["CLUSTER", "MYID"]);
        let to: String = self.second.ask(&["CLUSTER", "MYID"]);
        self.second.ask::<()>(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &from]);
        self.first.ask::<()>(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &to]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moved_is_followed_with_its_script() {
    let Some(cluster) = Cluster::start().await else { return };
    let (redis, config) = cluster.connect().await;
    let key = format!("{}:r:alice", config.prefix);
    cluster.move_to_second(&cluster.slot(&key));
    // MOVED by the first, then NOSCRIPT by the second, in one call.
    assert_eq!(take(&redis, "alice", 5, 1, 5).await.unwrap(), None);
    assert!(take(&redis, "alice", 5, 1, 5).await.unwrap().is_some());
    assert_eq!(cluster.second.ask::<i64>(&["EXISTS", &key]), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_is_moving_is_asked_about() {
    let Some(cluster) = Cluster::start().await else { return };
    let (redis, config) = cluster.connect().await;
    let key = format!("{}:r:alice", config.prefix);
    cluster.begin_to_move(&cluster.slot(&key));
    // ASK by the first; the second answers only to those who say that they ask.
    assert_eq!(take(&redis, "alice", 5, 1, 5).await.unwrap(), None);
    assert!(take(&redis, "alice", 5, 1, 5).await.unwrap().is_some());
    assert_eq!(cluster.second.ask::<i64>(&["DBSIZE"]), 1);
    assert_eq!(cluster.first.ask::<i64>(&["DBSIZE"]), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_follows_its_channel_to_another_master() {
    let Some(cluster) = Cluster::start().await else { return };
    let (redis, config) = cluster.connect().await;
    let mut receiver = redis.subscribe(&node("n1"));
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    cluster.move_to_second(&cluster.slot(&format!("{}:b:n1", config.prefix)));
    assert_eq!(next(&mut receiver).await, BusEvent::Lost);
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    let hello = Bytes::from_static(b"hello");
    assert_eq!(redis.publish(vec![(node("n1"), hello.clone())]).await.unwrap(), [1]);
    assert_eq!(next(&mut receiver).await, BusEvent::Message(hello));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_away_fails_only_what_it_has() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let (redis, config) = cluster.connect().await;
    cluster.move_to_second(&cluster.slot(&format!("{}:r:alice", config.prefix)));
    assert_eq!(take(&redis, "alice", 1, 1, 5).await.unwrap(), None);
    // Without this the first would serve nothing either once it finds the second gone.
    cluster.first.ask::<()>(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    cluster.second.kill();
    until("alice's bucket is away", async || take(&redis, "alice", 1, 1, 5).await.is_err()).await;
    assert!(redis.unavailable().is_some());
    assert_eq!(take(&redis, "bob", 1, 1, 5).await.unwrap(), None);
}
