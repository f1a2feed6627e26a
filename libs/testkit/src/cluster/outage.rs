//! Three Cassandra nodes: one down costs nothing, two down cost every acknowledgement and no message, and it recovers by itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use tokio::time::sleep;

use super::engines::Engines;
use super::run::{Cluster, ClusterVerdict};
use crate::history::{History, check};
use crate::torture::{Clients, prepare};

/// How long acknowledgements may take to come again.
const RECOVERY: Duration = Duration::from_secs(90);

/// What was under way when the second node went may still be answered for so long.
const GRACE: Duration = Duration::from_secs(12);

/// One run.
#[derive(Debug, Clone)]
pub struct OutageRun {
    /// The built binary.
    pub binary: PathBuf,
    /// Three nodes of Cassandra.
    pub engines: Engines,
    /// Of all random choices.
    pub seed: u64,
    /// Users.
    pub users: usize,
}

/// Takes one node, then a second one down, and lets both come back.
///
/// # Errors
/// When something is acknowledged that cannot be stored, or nothing is when it could be.
pub async fn outage(run: &OutageRun) -> anyhow::Result<ClusterVerdict> {
    let engines = &run.engines;
    ensure!(engines.cassandra_nodes.len() == 3, "an outage needs three nodes");
    let cluster = Cluster::start(&run.binary, engines, run.seed).await?;
    let history = Arc::new(History::default());
    let brokers = cluster.brokers();
    let users: Vec<String> = (0..run.users).map(|number| format!("user{number}")).collect();
    let groups = prepare(&brokers, &users, &history).await?;
    let clients = Clients::start(&brokers, &users, &groups, &history, Some(run.seed), Duration::from_millis(100));
    let outcome = async {
        progress(&history, "with all nodes").await?;
        engines.services("kill", &engines.cassandra_nodes[1]).await?;
        progress(&history, "with one node down").await?;
        engines.services("kill", &engines.cassandra_nodes[2]).await?;
        sleep(GRACE).await;
        let before = history.size().0;
        sleep(Duration::from_secs(8)).await;
        let during = history.size().0 - before;
        ensure!(during == 0, "{during} messages were acknowledged with two nodes down");
        for node in &engines.cassandra_nodes[1..] {
            engines.services("start", node).await?;
        }
        progress(&history, "with all nodes back").await
    };
    if let Err(error) = outcome.await {
        return Err(error.context(cluster.logs()));
    }
    if let Err(error) = clients.finish(&history).await {
        return Err(error.context(cluster.logs()));
    }
    let (acknowledged, delivered) = history.size();
    let breaches = history.write(|record| check(record));
    let audit = cluster.stop()?;
    Ok(ClusterVerdict { faults: Vec::new(), acknowledged, delivered, breaches, audit })
}

async fn progress(history: &History, when: &str) -> anyhow::Result<()> {
    let (before, started) = (history.size().0, Instant::now());
    while started.elapsed() < RECOVERY {
        if history.size().0 >= before + 20 {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    bail!("nothing is acknowledged {when}")
}
