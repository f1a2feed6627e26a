//! What a message into a channel costs, against members, connected members and brokers.
//!
//! For every number of members one channel is made; for every number of brokers the same number of its members connects, spread over
//! that many, and the owner sends at a fixed rate. CPU time is that of the processes' own, with what they use when idle taken off.

mod audience;
mod members;

use std::fmt;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use super::deployment::{Deployment, DeploymentSettings};
use super::line;
use super::node::Node;
use crate::latency::LatencySummary;
use crate::process::cpu_seconds;
use audience::Audience;

/// The flags of `longwave-cluster-figures channel`.
#[derive(Debug, Clone, Args)]
pub struct ChannelSettings {
    /// Where to measure.
    #[command(flatten)]
    pub deployment: DeploymentSettings,
    /// Members of the channels, one channel for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 70_000])]
    pub members: Vec<usize>,
    /// Members that are connected.
    #[arg(long, value_delimiter = ',', default_values_t = [500])]
    pub connected: Vec<usize>,
    /// Brokers over which they are spread.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    pub nodes: Vec<usize>,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Messages per second.
    #[arg(long, default_value_t = 80.0)]
    pub rate: f64,
    /// Seconds before each measured phase.
    #[arg(long, default_value_t = 2.0)]
    pub warm_up: f64,
    /// Seconds of each measured phase.
    #[arg(long, default_value_t = 8.0)]
    pub measure: f64,
    /// Devices of the owner that add members at once.
    #[arg(long, default_value_t = 64)]
    pub adders: usize,
}

/// One measured phase.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    members: usize,
    connected: usize,
    nodes: usize,
    /// CPU microseconds per message: of the bridge, of all brokers.
    bridge_us: f64,
    brokers_us: f64,
    /// Calls to Redis per message by the bridge.
    redis_calls: f64,
    ack: LatencySummary,
    deliver: LatencySummary,
    delivered_per_second: f64,
    missing: u64,
}

/// All phases.
#[derive(Debug, Serialize)]
pub struct ChannelReport {
    cells: Vec<Cell>,
}

impl ChannelReport {
    /// Whether every message reached every connected member.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cells.iter().all(|cell| cell.missing == 0)
    }
}

/// Runs all phases.
///
/// # Errors
/// When an engine is not there, a process does not start, or members cannot be added.
pub fn run(settings: &ChannelSettings, mut progress: impl FnMut(&str)) -> anyhow::Result<ChannelReport> {
    let deployment = Deployment::new(&settings.deployment)?;
    let most = settings.nodes.iter().copied().max().unwrap_or(1);
    ensure!(settings.nodes.iter().all(|nodes| *nodes > 0), "--nodes must be above 0");
    let (brokers, bridges) = deployment.start_roles(most, 1)?;
    for members in &settings.members {
        let took = members::make(brokers[0].mqtt, *members, settings.adders)?;
        progress(&format!("{members} members: {took}"));
    }
    let mut cells = Vec::new();
    for round in 1..=settings.rounds {
        for connected in &settings.connected {
            for nodes in &settings.nodes {
                for members in &settings.members {
                    let cell =
                        measure(settings, &brokers[..*nodes], &bridges[0], *members, (*connected).min(*members))?;
                    progress(&format!("round {round}: {cell}"));
                    cells.push(cell);
                }
            }
        }
    }
    for node in brokers.into_iter().chain(bridges) {
        node.stop()?;
    }
    deployment.finish()?;
    Ok(ChannelReport { cells })
}

fn measure(
    settings: &ChannelSettings,
    brokers: &[Node],
    bridge: &Node,
    members: usize,
    connected: usize,
) -> anyhow::Result<Cell> {
    let servers: Vec<_> = brokers.iter().map(|broker| broker.mqtt).collect();
    let mut audience = Audience::connect(&servers, &members::channel(members), connected)?;
    let used = || -> anyhow::Result<(f64, f64, f64)> {
        let of_brokers: Result<Vec<f64>, _> = brokers.iter().map(|broker| cpu_seconds(broker.pid())).collect();
        let calls = bridge.numbers()?.of("longwave_redis_requests");
        Ok((cpu_seconds(bridge.pid())?, of_brokers?.iter().sum(), calls))
    };
    // What it costs that they are there, for as long as the measured phase.
    audience.listen(1.0)?;
    let before = used()?;
    audience.listen(settings.measure)?;
    let idle = minus(used()?, before);
    let mut marks = Vec::new();
    let heard = audience.send(settings.rate, settings.warm_up, settings.measure, || {
        marks.push(used()?);
        Ok(())
    })?;
    let busy = minus(marks[1], marks[0]);
    let sent = settings.rate * settings.measure;
    let (bridge_s, brokers_s, calls) = minus(busy, idle);
    Ok(Cell {
        members,
        connected,
        nodes: brokers.len(),
        bridge_us: bridge_s * 1e6 / sent,
        brokers_us: brokers_s * 1e6 / sent,
        redis_calls: calls / sent,
        ack: heard.ack,
        deliver: heard.deliver,
        delivered_per_second: heard.delivered as f64 / settings.measure,
        missing: heard.missing,
    })
}

fn minus(one: (f64, f64, f64), other: (f64, f64, f64)) -> (f64, f64, f64) {
    (one.0 - other.0, one.1 - other.1, one.2 - other.2)
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>6} members {:>5} connected {} brokers: bridge {:>5.0} µs/msg ({:.1} Redis calls), brokers {:>6.0} µs/msg, \
             {:.0} deliveries/s\n    ack {}\n    deliver {}",
            self.members,
            self.connected,
            self.nodes,
            self.bridge_us,
            self.redis_calls,
            self.brokers_us,
            self.delivered_per_second,
            line(&self.ack),
            line(&self.deliver)
        )?;
        if self.missing > 0 { write!(f, "\n    MISSING {}", self.missing) } else { Ok(()) }
    }
}

impl fmt::Display for ChannelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cells.iter().try_for_each(|cell| writeln!(f, "{cell}"))
    }
}
