//! What an operator sees while something is dead: `/readyz` of each process names it, what waits for it and since when, the metric
//! says the same, and both are well again when it is back.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::time::sleep;

use super::engines::Engines;
use super::node::Node;
use super::run::Cluster;
use crate::server::Role;

/// How long it may take until everybody has noticed.
const NOTICE: Duration = Duration::from_secs(60);

/// One run.
#[derive(Debug, Clone)]
pub struct DeadRun {
    /// The built binary.
    pub binary: PathBuf,
    /// One node of Cassandra, and Redis.
    pub engines: Engines,
}

/// What dies.
#[derive(Debug, Clone, Copy)]
enum Dependency {
    Redis,
    Cassandra,
    Bridges,
    Brokers,
}

impl Dependency {
    /// How `/readyz` begins and ends the line, and the gauge that is 0.
    fn signs(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Redis => (
                "redis does not answer: ",
                "; between nodes, messages arrive late and presence and typing not at all (for ",
                "longwave_redis_available",
            ),
            Self::Cassandra => (
                "cassandra does not answer: ",
                "; publishes wait, deliveries from the log too (for ",
                "longwave_cassandra_up",
            ),
            Self::Bridges => ("no bridge is connected", "; publishes wait (for ", "longwave_bridges_connected"),
            Self::Brokers => ("connected to none of ", "; nothing is handed over (for ", "longwave_brokers_connected"),
        }
    }

    /// Who has to notice.
    fn concerns(self, role: Role) -> bool {
        match self {
            Self::Redis | Self::Cassandra => true,
            Self::Bridges => role == Role::Broker,
            Self::Brokers => role == Role::Bridge,
        }
    }

    /// Which processes are it.
    fn is(self, role: Role) -> bool {
        matches!((self, role), (Self::Bridges, Role::Bridge) | (Self::Brokers, Role::Broker))
    }

    async fn die(self, cluster: &mut Cluster, engines: &Engines) -> anyhow::Result<()> {
        match self {
            Self::Redis => engines.services("kill", &engines.redis_node).await,
            Self::Cassandra => engines.services("pause", &engines.cassandra_nodes[0]).await,
            Self::Bridges | Self::Brokers => {
                let mut its = cluster.nodes.iter_mut().filter(|node| self.is(node.server.plan().role));
                its.try_for_each(|node| node.server.kill())
            }
        }
    }

    async fn come_back(self, cluster: &mut Cluster, engines: &Engines) -> anyhow::Result<()> {
        match self {
            Self::Redis => engines.services("start", &engines.redis_node).await,
            Self::Cassandra => engines.services("resume", &engines.cassandra_nodes[0]).await,
            Self::Bridges | Self::Brokers => {
                for node in cluster.nodes.iter_mut().filter(|node| self.is(node.server.plan().role)) {
                    node.restart().await?;
                }
                Ok(())
            }
        }
    }
}

/// Takes each dependency away and gives it back; returns what was seen, a line each.
///
/// # Errors
/// When a process says something else than what is the case.
pub async fn dead(run: &DeadRun) -> anyhow::Result<Vec<String>> {
    let mut cluster = Cluster::start(&run.binary, &run.engines, rand::random()).await?;
    let mut seen = Vec::new();
    for dependency in [Dependency::Redis, Dependency::Cassandra, Dependency::Bridges, Dependency::Brokers] {
        let outcome = async {
            dependency.die(&mut cluster, &run.engines).await?;
            for node in cluster.nodes.iter().filter(|node| dependency.concerns(node.server.plan().role)) {
                let line = noticed(node, dependency).await.with_context(|| node.name.clone())?;
                seen.push(format!("{}: {line}", node.name));
            }
            dependency.come_back(&mut cluster, &run.engines).await?;
            for node in &cluster.nodes {
                well(node, dependency).await.with_context(|| node.name.clone())?;
            }
            Ok::<_, anyhow::Error>(())
        };
        if let Err(error) = outcome.await {
            return Err(error.context(format!("{dependency:?}")).context(cluster.logs()));
        }
    }
    ensure!(cluster.stop()?.is_none(), "the audit has findings");
    Ok(seen)
}

/// Waits until a process says what is dead, and nothing else.
async fn noticed(node: &Node, dependency: Dependency) -> anyhow::Result<String> {
    let (begin, end, gauge) = dependency.signs();
    let started = Instant::now();
    loop {
        let (status, lines) = crate::http::get(node.server.plan().admin, "/readyz")?;
        let line = lines.lines().find(|line| line.starts_with(begin) && line.contains(end));
        if let (503, Some(line)) = (status, line) {
            ensure!(lines.lines().count() == 1, "more than one reason: {lines}");
            ensure!(number(node, gauge)? == 0.0, "/readyz says {line}, and {gauge} is not 0");
            return Ok(line.to_owned());
        }
        ensure!(started.elapsed() < NOTICE, "{dependency:?} is dead, and /readyz says {status} {lines}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until a process is ready again.
async fn well(node: &Node, dependency: Dependency) -> anyhow::Result<()> {
    let (_, _, gauge) = dependency.signs();
    let started = Instant::now();
    loop {
        let (status, lines) = crate::http::get(node.server.plan().admin, "/readyz")?;
        if status == 200 {
            let role = node.server.plan().role;
            ensure!(!dependency.concerns(role) || number(node, gauge)? > 0.0, "ready, and {gauge} is 0");
            return Ok(());
        }
        ensure!(started.elapsed() < NOTICE, "{dependency:?} is back, and /readyz says {status} {lines}");
        sleep(Duration::from_millis(200)).await;
    }
}

fn number(node: &Node, gauge: &str) -> anyhow::Result<f64> {
    let (_, numbers) = crate::http::get(node.server.plan().admin, "/metrics")?;
    let line = numbers.lines().find_map(|line| line.strip_prefix(gauge)?.strip_prefix(' '));
    let Some(value) = line else { bail!("there is no metric {gauge}") };
    Ok(value.parse()?)
}
