//! The engines under a cluster, as `cargo xtask services` started them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Where they are, and how to disturb them.
#[derive(Debug, Clone)]
pub struct Engines {
    /// `host:port` of Cassandra's nodes, separated by commas.
    pub cassandra: String,
    /// Their names for xtask.
    pub cassandra_nodes: Vec<String>,
    /// Copies of every row.
    pub copies: u32,
    /// Redis.
    pub redis: SocketAddr,
    /// Its name for xtask.
    pub redis_node: String,
    /// The xtask program, which knows the engines' processes.
    pub xtask: PathBuf,
}

impl Engines {
    /// The engines of `cargo xtask services`: one node of Cassandra, or the three of the cluster.
    #[must_use]
    pub fn of_xtask(xtask: PathBuf, three: bool) -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            cassandra: if three { "127.0.0.1:19043,127.0.0.2:19043,127.0.0.3:19043" } else { "127.0.0.1:19042" }.into(),
            cassandra_nodes: if three {
                names(&["cassandra-1", "cassandra-2", "cassandra-3"])
            } else {
                names(&["cassandra"])
            },
            copies: if three { 3 } else { 1 },
            redis: SocketAddr::from(([127, 0, 0, 1], 16379)),
            redis_node: "redis".to_owned(),
            xtask,
        }
    }

    /// `cargo xtask services ACTION NODE`.
    ///
    /// # Errors
    /// When it fails.
    pub async fn services(&self, action: &'static str, node: &str) -> anyhow::Result<()> {
        let (engines, node) = (self.clone(), node.to_owned());
        tokio::task::spawn_blocking(move || {
            let output = Command::new(&engines.xtask).args(["services", action, &node]).output();
            let output = output.with_context(|| format!("{}", engines.xtask.display()))?;
            ensure!(output.status.success(), "services {action} {node}: {}", String::from_utf8_lossy(&output.stderr));
            Ok(())
        })
        .await?
    }

    /// Empties Redis.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn flush_redis(&self) -> anyhow::Result<()> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(self.redis).await?;
        stream.write_all(b"FLUSHALL\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        ensure!(&answer == b"+OK\r\n", "FLUSHALL was not done");
        Ok(())
    }
}
