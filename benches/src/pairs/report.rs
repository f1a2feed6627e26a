//! The figures of a run: as JSON and as a table for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::settings::PairsSettings;
use super::worker::WorkerOutcome;
use crate::latency::{Latencies, LatencySummary, Window};
use crate::ledger::Verdict;
use crate::process::Memory;

/// CPU seconds within the measured phase.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) generator: f64,
    pub(super) server: Option<f64>,
    /// All of the machine.
    pub(super) machine: f64,
}

/// What the server used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ServerUse {
    /// CPU seconds within the measured phase.
    pub cpu_seconds: f64,
    /// CPU microseconds per acknowledged message.
    pub cpu_us_per_message: f64,
    /// Before the first connection.
    pub memory_before: Memory,
    /// After everything was delivered, connections still open.
    pub memory_after: Memory,
}

/// Result of `longwave-load pairs`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PairsReport {
    /// Connections.
    pub connections: usize,
    /// How many of them send.
    pub senders: usize,
    /// Body size in bytes.
    pub body: usize,
    /// Publishes that one sender may have unanswered.
    pub window: u16,
    /// Messages per second that were due (open loop); `None` in closed loop.
    pub rate: Option<f64>,
    /// Whether sessions are durable.
    pub durable: bool,
    /// Length of the measured phase in seconds.
    pub seconds: f64,
    /// PUBACKs per second in the measured phase.
    pub acknowledged_per_second: f64,
    /// First arrivals per second in the measured phase.
    pub delivered_per_second: f64,
    /// From due to PUBACK.
    pub send_to_ack: LatencySummary,
    /// From due to arrival at the receiver.
    pub send_to_deliver: LatencySummary,
    /// Open loop: how late the generator itself was.
    pub generator_lateness: Option<LatencySummary>,
    /// Counts over the whole run, warm-up included.
    pub verdict: Verdict,
    /// PUBACKs out of order or for nothing.
    pub wrong_pubacks: u64,
    /// Due, but never written.
    pub unsent: u64,
    /// Messages of an earlier run, found in durable sessions.
    pub leftovers: u64,
    /// Connections that ended, with the reason (the first ten), and how many.
    pub closed: Vec<String>,
    /// How many connections ended.
    pub closed_count: usize,
    /// Generator CPU seconds within the measured phase.
    pub generator_cpu_seconds: f64,
    /// CPU seconds within the measured phase that went to neither generator nor server (known with the server's pid).
    pub other_cpu_seconds: Option<f64>,
    /// The server's use, when its pid was given.
    pub server: Option<ServerUse>,
}

impl PairsReport {
    /// Whether every message was acknowledged and arrived once, in order.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.verdict.is_clean() && self.wrong_pubacks == 0 && self.unsent == 0 && self.closed_count == 0
    }
}

pub(super) fn assemble(
    settings: &PairsSettings,
    window: Window,
    outcomes: &[WorkerOutcome],
    usage: Usage,
    memory_before: Option<Memory>,
    memory_after: Option<Memory>,
) -> PairsReport {
    let mut verdict = Verdict::default();
    outcomes.iter().for_each(|outcome| verdict.add(&outcome.verdict));
    let sum = |count: fn(&WorkerOutcome) -> u64| outcomes.iter().map(count).sum::<u64>();
    let joined = |part: fn(&WorkerOutcome) -> &Latencies| {
        let mut all = Latencies::new(window);
        outcomes.iter().for_each(|outcome| all.add(part(outcome)));
        all.summary()
    };
    let acknowledged = sum(|outcome| outcome.acknowledged_in_window) as f64;
    let closed: Vec<String> = outcomes.iter().flat_map(|outcome| outcome.closed.iter().cloned()).collect();
    PairsReport {
        connections: settings.connections,
        senders: settings.senders(),
        body: settings.body,
        window: settings.window(),
        rate: settings.rate,
        durable: settings.target.durable,
        seconds: window.seconds(),
        acknowledged_per_second: acknowledged / window.seconds(),
        delivered_per_second: sum(|outcome| outcome.delivered_in_window) as f64 / window.seconds(),
        send_to_ack: joined(|outcome| &outcome.send_to_ack),
        send_to_deliver: joined(|outcome| &outcome.send_to_deliver),
        generator_lateness: settings.rate.map(|_| joined(|outcome| &outcome.lateness)),
        verdict,
        wrong_pubacks: sum(|outcome| outcome.wrong_pubacks),
        unsent: sum(|outcome| outcome.unsent),
        leftovers: sum(|outcome| outcome.leftovers),
        closed_count: closed.len(),
        closed: closed.into_iter().take(10).collect(),
        generator_cpu_seconds: usage.generator,
        other_cpu_seconds: usage.server.map(|server| (usage.machine - usage.generator - server).max(0.0)),
        server: usage.server.zip(memory_before).zip(memory_after).map(
            |((cpu_seconds, memory_before), memory_after)| ServerUse {
                cpu_seconds,
                cpu_us_per_message: cpu_seconds * 1e6 / acknowledged.max(1.0),
                memory_before,
                memory_after,
            },
        ),
    }
}

impl fmt::Display for PairsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.rate {
            Some(rate) => format!("open loop at {rate:.0} msg/s, at most {} unanswered each", self.window),
            None => format!("closed loop, {} unanswered each", self.window),
        };
        let sessions = if self.durable { "durable" } else { "clean" };
        writeln!(
            f,
            "{} connections ({} senders, {sessions} sessions), {}-byte bodies, QoS 1, {mode}, {:.1} s",
            self.connections, self.senders, self.body, self.seconds
        )?;
        writeln!(f, "  acknowledged {:>10.0} msg/s", self.acknowledged_per_second)?;
        writeln!(f, "  delivered    {:>10.0} msg/s", self.delivered_per_second)?;
        writeln!(f, "  ms           {:>10} {:>10} {:>10} {:>10}", "p50", "p99", "p99.9", "max")?;
        let mut row = |name: &str, latency: &LatencySummary| {
            let LatencySummary { p50_ms, p99_ms, p999_ms, max_ms, .. } = latency;
            writeln!(f, "  {name:<12} {p50_ms:>10.3} {p99_ms:>10.3} {p999_ms:>10.3} {max_ms:>10.3}")
        };
        row("send→ack", &self.send_to_ack)?;
        row("send→deliver", &self.send_to_deliver)?;
        if let Some(lateness) = &self.generator_lateness {
            row("own lateness", lateness)?;
        }
        let v = &self.verdict;
        writeln!(
            f,
            "  sent {} acknowledged {} delivered {} | lost {} duplicates {} out of order {} stray {}",
            v.sent, v.acknowledged, v.delivered, v.lost, v.duplicates, v.out_of_order, v.stray
        )?;
        writeln!(
            f,
            "  refused {} unanswered {} unsent {} wrong PUBACKs {} leftovers {} connections lost {}",
            v.refused, v.unanswered, self.unsent, self.wrong_pubacks, self.leftovers, self.closed_count
        )?;
        for reason in &self.closed {
            writeln!(f, "    {reason}")?;
        }
        write!(f, "  CPU: generator {:.0} %", self.generator_cpu_seconds / self.seconds * 100.0)?;
        if let Some(server) = &self.server {
            let share = server.cpu_seconds / self.seconds * 100.0;
            write!(f, ", server {share:.0} % ({:.1} µs per message)", server.cpu_us_per_message)?;
            let (before, after) = (server.memory_before.rss_kib, server.memory_after.rss_kib);
            write!(f, "; server RSS {before} → {after} KiB")?;
        }
        if let Some(other) = self.other_cpu_seconds {
            write!(f, "; rest of the machine {:.0} %", other / self.seconds * 100.0)?;
        }
        writeln!(f, "\n  {}", if self.is_clean() { "clean" } else { "NOT CLEAN" })
    }
}
