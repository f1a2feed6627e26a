//! Clients on two brokers while everything else is disturbed; then the checker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::sleep;

use super::engines::Engines;
use super::faults::Fault;
use super::node::{Node, Site, make_certificate, store_settings};
use crate::history::{Breach, History, check};
use crate::server::Role;
use crate::torture::{Clients, audit_with, prepare};

/// One run.
#[derive(Debug, Clone)]
pub struct ClusterRun {
    /// The built binary.
    pub binary: PathBuf,
    /// The engines below.
    pub engines: Engines,
    /// Faults; a pair counts as two.
    pub faults: u32,
    /// Of all random choices.
    pub seed: u64,
    /// Users, each with one sender and two devices.
    pub users: usize,
    /// Pause between two messages of a sender.
    pub pause: Duration,
    /// A planted fault, for a binary built with the feature `fault-injection`.
    pub planted: Option<String>,
}

/// What a run showed.
#[derive(Debug)]
pub struct ClusterVerdict {
    /// Faults, in order.
    pub faults: Vec<Fault>,
    /// Messages acknowledged.
    pub acknowledged: usize,
    /// Deliveries recorded.
    pub delivered: usize,
    /// Broken promises.
    pub breaches: Vec<Breach>,
    /// What `longwave audit` said, when it found something.
    pub audit: Option<String>,
}

/// A running cluster of two brokers and two bridges.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
    keyspace: String,
    binary: PathBuf,
    engines: Engines,
    _directory: tempfile::TempDir,
}

impl Cluster {
    pub(super) async fn start(binary: &std::path::Path, engines: &Engines, seed: u64) -> anyhow::Result<Self> {
        Self::start_with(binary, engines, seed, &[], None).await
    }

    /// The same with more settings.
    pub(super) async fn start_with(
        binary: &std::path::Path,
        engines: &Engines,
        seed: u64,
        settings: &[String],
        planted: Option<&str>,
    ) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        make_certificate(directory.path())?;
        // Never one of an earlier run: its message ids would be found stored, and acknowledged without a write.
        let keyspace = format!("cluster_{}_{}_{:x}", seed % 1_000_000, std::process::id(), rand::random::<u32>());
        let schema = std::process::Command::new(binary)
            .args(["schema", "--data-dir"])
            .arg(directory.path())
            .args(store_settings(engines, &keyspace).into_iter().flat_map(|setting| ["--set".to_owned(), setting]))
            .output()?;
        ensure!(schema.status.success(), "longwave schema: {}", String::from_utf8_lossy(&schema.stderr));
        let mut nodes = Vec::new();
        let site = Site { binary, directory: directory.path(), engines, keyspace: &keyspace, settings, planted };
        for (role, number) in [(Role::Broker, 1), (Role::Broker, 2), (Role::Bridge, 1), (Role::Bridge, 2)] {
            nodes.push(Node::start(role, number, &site).await?);
        }
        for node in &nodes {
            node.server.wait_until_ready()?;
        }
        let (binary, engines) = (binary.to_owned(), engines.clone());
        Ok(Self { nodes, keyspace, binary, engines, _directory: directory })
    }

    pub(super) fn brokers(&self) -> Vec<std::net::SocketAddr> {
        let brokers = self.nodes.iter().filter(|node| node.server.plan().role == Role::Broker);
        brokers.map(Node::mqtt).collect()
    }

    /// Stops everything in an orderly way and audits the store.
    pub(super) fn stop(mut self) -> anyhow::Result<Option<String>> {
        for node in &mut self.nodes {
            node.server.stop()?;
        }
        let mut settings = store_settings(&self.engines, &self.keyspace);
        // An audit reads much, and nothing waits for it.
        settings.push("cassandra.request_seconds=60".to_owned());
        let arguments: Vec<String> = settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect();
        audit_with(&self.binary, &self._directory.path().join("audit"), &arguments)
    }

    /// The ends of the logs, for a run that failed.
    pub(super) fn logs(&self) -> String {
        let logs = self.nodes.iter().map(|node| format!("== {}\n{}", node.name, node.server.end_of_log()));
        logs.collect::<Vec<_>>().join("\n")
    }
}

/// Runs clients and faults, waits until they rest, and checks.
///
/// # Errors
/// When the run itself could not be done.
pub async fn run(run: &ClusterRun) -> anyhow::Result<ClusterVerdict> {
    let mut cluster = Cluster::start_with(&run.binary, &run.engines, run.seed, &[], run.planted.as_deref()).await?;
    let history = Arc::new(History::default());
    let brokers = cluster.brokers();
    let users: Vec<String> = (0..run.users).map(|number| format!("user{number}")).collect();
    let groups = prepare(&brokers, &users, &history).await?;
    let clients = Clients::start(&brokers, &users, &groups, &history, Some(run.seed), run.pause);
    let mut random = StdRng::seed_from_u64(run.seed);
    let mut faults = Vec::new();
    while faults.len() < run.faults as usize {
        sleep(Duration::from_millis(random.random_range(200..2_000))).await;
        let fault = Fault::random(&mut random, cluster.nodes.len(), run.engines.cassandra_nodes.len());
        let second = Fault::random(&mut random, cluster.nodes.len(), run.engines.cassandra_nodes.len());
        let is_pair = random.random_bool(0.3) && second.target() != fault.target();
        let both: Vec<Fault> = [fault].into_iter().chain(is_pair.then_some(second)).collect();
        for fault in &both {
            fault.begin(&mut cluster.nodes, &run.engines).await?;
            sleep(Duration::from_millis(random.random_range(0..300))).await;
        }
        sleep(fault.lasts(&mut random)).await;
        // Engines come back first: a process does not start without them.
        let mut ending = both.clone();
        ending.sort_by_key(|fault| std::cmp::Reverse(fault.target()));
        for fault in ending {
            fault.end(&mut cluster.nodes, &run.engines).await?;
        }
        faults.extend(both);
    }
    let finished = clients.finish(&history).await;
    if let Err(error) = finished {
        return Err(error.context(cluster.logs()));
    }
    let (acknowledged, delivered) = history.size();
    let breaches = history.write(|record| check(record));
    if !breaches.is_empty() {
        eprint_logs(&cluster);
    }
    let audit = cluster.stop()?;
    Ok(ClusterVerdict { faults, acknowledged, delivered, breaches, audit })
}

#[expect(clippy::print_stderr, reason = "a command for people")]
fn eprint_logs(cluster: &Cluster) {
    eprintln!("{}", cluster.logs());
}
