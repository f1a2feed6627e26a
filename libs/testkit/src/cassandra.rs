//! A Cassandra node under a torture run: a keyspace for the run, and the node frozen or killed while messages flow.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::server::ServerPlan;

/// A node that `cargo xtask services` started.
#[derive(Debug, Clone)]
pub struct CassandraNode {
    /// Where it is reached: `host:port`.
    pub address: String,
    /// The xtask program, which knows the node's process; without it the node is left alone.
    pub xtask: Option<PathBuf>,
    /// The node's name there.
    pub node: String,
}

/// Seconds that a request of the server may take: less than the node stays frozen, so that outcomes become unknown.
const REQUEST_SECONDS: u64 = 2;

impl CassandraNode {
    /// Makes a keyspace for the run and points the server at it.
    ///
    /// # Errors
    /// When `longwave schema` fails.
    pub fn prepare(&self, plan: &mut ServerPlan, seed: u64) -> anyhow::Result<()> {
        let settings = [
            format!("cassandra.contact_points={}", self.address),
            format!("cassandra.keyspace=torture_{seed}_{}", std::process::id()),
            "cassandra.replication_factor=1".to_owned(),
            "cassandra.shards=8".to_owned(),
            format!("cassandra.request_seconds={REQUEST_SECONDS}"),
        ];
        plan.arguments.extend(settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]));
        let mut schema = Command::new(&plan.binary);
        let output = schema.arg("schema").arg("--data-dir").arg(&plan.data).args(&plan.arguments).output()?;
        ensure!(output.status.success(), "longwave schema: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Perhaps freezes the node for longer than a request may take, or kills it and starts it again. Returns whether it did; otherwise it is
    /// the server's turn.
    ///
    /// # Errors
    /// When the node cannot be reached through xtask.
    pub async fn disturb(&self, random: &mut StdRng) -> anyhow::Result<bool> {
        if self.xtask.is_none() {
            return Ok(false);
        }
        match random.random_range(0..10) {
            0..5 => return Ok(false),
            5..8 => {
                self.services(&["pause"])?;
                tokio::time::sleep(Duration::from_millis(random.random_range(500..5_000))).await;
                self.services(&["resume"])?;
            }
            _ => {
                self.services(&["kill"])?;
                let node = self.clone();
                tokio::task::spawn_blocking(move || node.services(&["start"])).await??;
            }
        }
        Ok(true)
    }

    fn services(&self, action: &[&str]) -> anyhow::Result<()> {
        let Some(xtask) = &self.xtask else { return Ok(()) };
        let mut command = Command::new(xtask);
        let output = command.arg("services").args(action).arg(&self.node).output();
        let output = output.with_context(|| format!("{}", xtask.display()))?;
        ensure!(output.status.success(), "services {action:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}
