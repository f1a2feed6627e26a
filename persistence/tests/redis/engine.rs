//! The engines that the tests run against, each test with a prefix of its own, so that tests may run side by side.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use longwave_model::{ConversationId, DeviceId, NodeId, UserId};
use longwave_persistence::redis::{BusEvent, BusReceiver, Redis, RedisConfig, RedisError, Topology};
use longwave_testkit::engine;

/// How long something that comes by itself may take before the test is failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One server.
pub(crate) fn single() -> Option<RedisConfig> {
    Some(at(engine::find("redis", "127.0.0.1:16379")?))
}

/// A cluster of three masters.
pub(crate) fn cluster() -> Option<RedisConfig> {
    let address = engine::find("redis-cluster", "127.0.0.1:17101")?;
    Some(RedisConfig { topology: Topology::Cluster, ..at(address) })
}

/// A Sentinel that watches the one server.
pub(crate) fn sentinel() -> Option<RedisConfig> {
    let address = engine::find("redis-sentinel", "127.0.0.1:16380")?;
    engine::find("redis", "127.0.0.1:16379")?;
    Some(RedisConfig { topology: Topology::Sentinel { master: "longwave".to_owned() }, ..at(address) })
}

/// A server at this address under a new prefix. Answers may take long on a busy machine.
pub(crate) fn at(address: impl Into<String>) -> RedisConfig {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("t{:x}.{:x}.{count}", std::process::id(), now & 0xffff_ffff);
    RedisConfig { prefix, request_timeout: Duration::from_secs(10), ..RedisConfig::new(address) }
}

/// Runs a check on one server and on a cluster.
macro_rules! on_each_topology {
    ($($check:ident),* $(,)?) => {
        mod single {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let Some(config) = crate::engine::single() else { return };
                super::$check(config).await;
            })*
        }
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let Some(config) = crate::engine::cluster() else { return };
                super::$check(config).await;
            })*
        }
    };
}
pub(crate) use on_each_topology;

pub(crate) async fn connect(config: &RedisConfig) -> Redis {
    Redis::connect(config).await.unwrap()
}

/// Repeats until it is true.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut attempt: impl FnMut() -> F) {
    let repeated = async {
        while !attempt().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, repeated).await.is_ok(), "in vain: {what}");
}

/// The next event of the bus.
pub(crate) async fn next(receiver: &mut BusReceiver) -> BusEvent {
    tokio::time::timeout(PATIENCE, receiver.next()).await.expect("the bus is silent")
}

pub(crate) async fn take(
    redis: &Redis,
    key: &str,
    cost: u32,
    per_second: u32,
    burst: u32,
) -> Result<Option<u64>, RedisError> {
    Ok(redis.take(&[(key, cost)], per_second, burst).await?[0])
}

pub(crate) fn node(name: &str) -> NodeId {
    NodeId::parse(name).unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn conversation(name: &str) -> ConversationId {
    ConversationId::parse(name).unwrap()
}

pub(crate) fn session(user: &str, device: &str) -> (UserId, DeviceId) {
    (UserId::parse(user).unwrap(), DeviceId::parse(device).unwrap())
}
