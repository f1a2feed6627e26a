//! The registry of running processes: who is there, in which role, and where it listens for the others.

use longwave_model::NodeId;
use serde::{Deserialize, Serialize};

use super::Redis;
use super::error::RedisError;
use super::lease::{self, Contest};
use super::request::Request;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// Holds connections of devices.
    Broker,
    /// Owns shards.
    Bridge,
    /// Sends pushes.
    Push,
}

/// One running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    /// Its id.
    pub id: NodeId,
    /// What it does.
    pub role: NodeRole,
    /// `host:port` of its internal listener, if it has one.
    pub address: Option<String>,
    /// Unix time in milliseconds of its start.
    pub started: u64,
    /// Its release.
    pub version: String,
}

/// The record as stored, below the node's id.
#[derive(Serialize, Deserialize)]
struct Row {
    role: NodeRole,
    address: Option<String>,
    started: u64,
    version: String,
}

impl Redis {
    /// Says that a process runs; lives for [`RedisConfig::node_life_time`](super::RedisConfig::node_life_time).
    ///
    /// # Errors
    /// [`RedisError`] when it could not be said.
    pub async fn announce(&self, node: &NodeRecord) -> Result<(), RedisError> {
        let row = Row {
            role: node.role,
            address: node.address.clone(),
            started: node.started,
            version: node.version.clone(),
        };
        let row = serde_json::to_string(&row).map_err(|_| RedisError::odd("JSON"))?;
        let settings = &self.0.settings;
        let put = lease::put(&settings.nodes_key(), settings.node_millis, node.id.as_str(), &row, Contest::Take);
        self.run(vec![put]).await.map(drop)
    }

    /// Says that it runs no more.
    ///
    /// # Errors
    /// [`RedisError`] when it could not be said; it expires.
    pub async fn withdraw(&self, node: &NodeId) -> Result<(), RedisError> {
        self.run(vec![Request::command("HDEL", &self.0.settings.nodes_key()).arg(node.as_str())]).await.map(drop)
    }

    /// All processes that run, in the order of their ids. One whose record this release cannot read is left out: it is newer.
    ///
    /// # Errors
    /// [`RedisError`] when they could not be read.
    pub async fn nodes(&self) -> Result<Vec<NodeRecord>, RedisError> {
        let answers = self.run_clocked(vec![lease::all(&self.0.settings.nodes_key())]).await?;
        let mut nodes = Vec::new();
        for answer in answers {
            nodes.extend(lease::living(answer)?.filter_map(|(id, row)| record(&id, &row)));
        }
        nodes.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(nodes)
    }
}

fn record(id: &str, row: &str) -> Option<NodeRecord> {
    let (id, row) = (NodeId::parse(id).ok()?, serde_json::from_str::<Row>(row).ok()?);
    Some(NodeRecord { id, role: row.role, address: row.address, started: row.started, version: row.version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_releases_may_say_more_but_not_something_else() {
        let more = r#"{"role":"bridge","address":null,"started":7,"version":"9.0","zone":"a"}"#;
        assert_eq!(record("n1", more).unwrap().role, NodeRole::Bridge);
        assert_eq!(record("n1", r#"{"role":"archive","address":null,"started":7,"version":"9.0"}"#), None);
        assert_eq!(record("n 1", more), None);
    }
}
