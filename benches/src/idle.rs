//! Idle connections: opens them in steps and reads the server's memory at each.
//!
//! The cost of a connection is the slope between the first and the last step, so that the program itself and what it allocates
//! once do not count. Connections come from several loopback addresses, because one address has only some 28,000 ports.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::connection::Closed;
use crate::fleet::{Fleet, Handler};
use crate::handshake::{self, Device};
use crate::process::Memory;
use crate::target::Target;
use crate::topics;
use crate::wire::Packet;

/// Connections from one loopback address.
const PER_SOURCE: usize = 4_000;

/// The flags of `longwave-load idle`.
#[derive(Debug, Clone, Args)]
pub struct IdleSettings {
    /// Server and kind of session; `--server-pid` is required.
    #[command(flatten)]
    pub target: Target,
    /// Connections at each step, ascending.
    #[arg(long, value_delimiter = ',', default_values_t = [2_000, 10_000, 18_000])]
    pub steps: Vec<usize>,
    /// Seconds to wait at each step before memory is read.
    #[arg(long, default_value_t = 3.0)]
    pub settle: f64,
    /// What each connection subscribes; `{user}` is its user. Mosquitto's cost depends on the number of topic levels.
    #[arg(long, default_value = "u/{user}/c/+/raw")]
    pub filter: String,
    /// Open connections without a subscription.
    #[arg(long, conflicts_with = "filter")]
    pub no_subscription: bool,
    /// Seconds to keep the last step open after it was read (to attach a profiler).
    #[arg(long, default_value_t = 0.0)]
    pub hold: f64,
}

/// Memory at one number of connections.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct IdleStep {
    /// Open connections.
    pub connections: usize,
    /// The server's memory after settling.
    pub memory: Memory,
    /// Seconds that it took to open this step's connections.
    pub opened_in_seconds: f64,
}

/// Result of `longwave-load idle`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdleReport {
    /// What each connection subscribes.
    pub filter: Option<String>,
    /// Whether sessions are durable.
    pub durable: bool,
    /// No connections, then every step.
    pub steps: Vec<IdleStep>,
    /// Resident bytes per connection: slope from the first step to the last (from none, if there is only one step).
    pub rss_bytes_per_connection: f64,
    /// The same of anonymous memory.
    pub anonymous_bytes_per_connection: f64,
    /// Connections that the server closed meanwhile.
    pub closed: usize,
}

impl IdleReport {
    /// Whether all connections stayed open.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.closed == 0
    }
}

/// Opens the connections step by step and reports.
///
/// # Errors
/// When the server's pid is missing or wrong, or a connection is refused.
pub fn run(settings: &IdleSettings) -> anyhow::Result<IdleReport> {
    let pid = settings.target.server_pid.context("idle needs --server-pid")?;
    ensure!(
        settings.steps.is_sorted() && settings.steps.first().is_some_and(|first| *first > 0),
        "--steps must ascend from above 0"
    );
    let mut fleet = Fleet::new(Clock::start())?;
    let mut watch = Watch::default();
    let mut steps =
        vec![IdleStep { connections: 0, memory: Memory::of(pid).context("server pid")?, opened_in_seconds: 0.0 }];
    let mut opened = 0;
    for goal in &settings.steps {
        let start_ns = fleet.clock().now_ns();
        let devices: Vec<Device> = (opened..*goal).map(|index| device(index, settings)).collect();
        handshake::open(&mut fleet, &settings.target, &devices)?;
        let opened_in_seconds = (fleet.clock().now_ns() - start_ns) as f64 / 1e9;
        for who in opened..*goal {
            if let Some(connection) = fleet.connection(who) {
                connection.shrink();
            }
        }
        opened = *goal;
        stay(&mut fleet, &mut watch, settings.settle)?;
        steps.push(IdleStep { connections: fleet.open_count(), memory: Memory::of(pid)?, opened_in_seconds });
    }
    stay(&mut fleet, &mut watch, settings.hold)?;
    let slope = |of: fn(&Memory) -> u64| slope(&steps, of);
    Ok(IdleReport {
        filter: filter(settings).map(str::to_owned),
        durable: settings.target.durable,
        rss_bytes_per_connection: slope(|memory| memory.rss_kib),
        anonymous_bytes_per_connection: slope(|memory| memory.anonymous_kib),
        steps,
        closed: watch.closed,
    })
}

/// Bytes per connection between the first step with connections and the last; with one step only, from none.
fn slope(steps: &[IdleStep], of: fn(&Memory) -> u64) -> f64 {
    let from = if steps.len() > 2 { 1 } else { 0 };
    let (Some(first), Some(last)) = (steps.get(from), steps.last()) else { return 0.0 };
    let bytes = (of(&last.memory) as f64 - of(&first.memory) as f64) * 1024.0;
    bytes / (last.connections.saturating_sub(first.connections)).max(1) as f64
}

/// The template of what connections subscribe, if anything.
fn filter(settings: &IdleSettings) -> Option<&str> {
    (!settings.no_subscription).then_some(settings.filter.as_str())
}

fn device(index: usize, settings: &IdleSettings) -> Device {
    let host = u8::try_from(1 + index / PER_SOURCE).unwrap_or(u8::MAX);
    Device {
        client_id: format!("{}-phone", topics::user(index)),
        username: topics::user(index),
        filter: filter(settings).map(|template| template.replace("{user}", &topics::user(index))),
        source: settings.target.address.ip().is_loopback().then(|| Ipv4Addr::new(127, 0, 0, host)),
        qos: 1,
    }
}

fn stay(fleet: &mut Fleet, watch: &mut Watch, seconds: f64) -> anyhow::Result<()> {
    let end_ns = fleet.clock().now_ns() + Duration::from_secs_f64(seconds).as_nanos() as u64;
    while fleet.clock().now_ns() < end_ns {
        fleet.turn(100_000_000, watch)?;
    }
    Ok(())
}

#[derive(Default)]
struct Watch {
    closed: usize,
}

impl Handler for Watch {
    fn packet(&mut self, _who: usize, _now_ns: u64, _packet: Packet<'_>, _out: &mut Vec<u8>) {}

    fn closed(&mut self, _who: usize, _why: Closed) {
        self.closed += 1;
    }
}

impl fmt::Display for IdleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what =
            self.filter.as_ref().map_or_else(|| "no subscription".to_owned(), |filter| format!("each with {filter}"));
        let sessions = if self.durable { "durable" } else { "clean" };
        writeln!(f, "idle connections, {what}, {sessions} sessions")?;
        writeln!(
            f,
            "  {:>11} {:>11} {:>11} {:>14} {:>9}",
            "connections", "RSS KiB", "PSS KiB", "anonymous KiB", "opened s"
        )?;
        for IdleStep { connections, memory, opened_in_seconds } in &self.steps {
            let Memory { rss_kib, pss_kib, anonymous_kib } = memory;
            writeln!(
                f,
                "  {connections:>11} {rss_kib:>11} {pss_kib:>11} {anonymous_kib:>14} {opened_in_seconds:>9.1}"
            )?;
        }
        for pair in self.steps.windows(2) {
            let (from, to) = (pair[0].connections, pair[1].connections);
            let bytes = slope(pair, |memory| memory.rss_kib);
            writeln!(f, "  {from:>6} to {to:>6}: {bytes:>8.0} bytes resident per connection")?;
        }
        let (rss, anonymous) = (self.rss_bytes_per_connection, self.anonymous_bytes_per_connection);
        writeln!(
            f,
            "  per connection: {rss:.0} bytes resident, {anonymous:.0} anonymous; closed meanwhile: {}",
            self.closed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(connections: usize, rss_kib: u64) -> IdleStep {
        IdleStep { connections, memory: Memory { rss_kib, ..Memory::default() }, opened_in_seconds: 0.0 }
    }

    #[test]
    fn the_slope_leaves_out_what_exists_without_connections() {
        let steps = [step(0, 5_000), step(1_000, 9_000), step(3_000, 13_000)];
        assert!((slope(&steps, |memory| memory.rss_kib) - 2048.0).abs() < 1e-9);
        assert!((slope(&steps[..2], |memory| memory.rss_kib) - 4096.0).abs() < 1e-9, "one step: from none");
    }
}
