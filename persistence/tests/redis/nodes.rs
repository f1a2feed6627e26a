//! The registry of running processes.

use std::time::Duration;

use longwave_persistence::redis::{NodeRecord, NodeRole, RedisConfig};

use crate::engine::{connect, node, on_each_topology, until};

on_each_topology!(processes_are_listed_while_they_are_announced);

fn record(name: &str, role: NodeRole) -> NodeRecord {
    NodeRecord {
        id: node(name),
        role,
        address: (role != NodeRole::Push).then(|| format!("{name}.internal:1884")),
        started: 1_700_000_000_000,
        version: "0.1.0".to_owned(),
    }
}

async fn processes_are_listed_while_they_are_announced(config: RedisConfig) {
    let redis = connect(&config).await;
    let brief = connect(&RedisConfig { node_life_time: Duration::from_secs(1), ..config }).await;
    assert_eq!(redis.nodes().await.unwrap(), []);
    let broker = record("a-broker", NodeRole::Broker);
    let bridge = record("b-bridge", NodeRole::Bridge);
    let push = record("c-push", NodeRole::Push);
    redis.announce(&bridge).await.unwrap();
    redis.announce(&push).await.unwrap();
    redis.announce(&broker).await.unwrap();
    redis.announce(&NodeRecord { version: "0.2.0".to_owned(), ..broker.clone() }).await.unwrap();
    redis.announce(&broker).await.unwrap();
    assert_eq!(redis.nodes().await.unwrap(), [broker.clone(), bridge.clone(), push.clone()]);
    redis.withdraw(&bridge.id).await.unwrap();
    assert_eq!(redis.nodes().await.unwrap(), [broker.clone(), push.clone()]);

    brief.announce(&push).await.unwrap();
    until("the push worker expires", async || redis.nodes().await.unwrap() == [broker.clone()]).await;
}
