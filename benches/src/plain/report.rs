//! The figures of a run: as JSON and as a table for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::traffic::Traffic;
use super::{PlainSettings, Shape};
use crate::latency::LatencySummary;

/// Result of `longwave-load plain`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlainReport {
    /// Who talked to whom.
    pub shape: Shape,
    /// QoS.
    pub qos: u8,
    /// Publishers.
    pub publishers: usize,
    /// Subscribers.
    pub subscribers: usize,
    /// Length of the measured phase in seconds.
    pub seconds: f64,
    /// Messages published per second.
    pub published_per_second: f64,
    /// Copies delivered per second.
    pub delivered_per_second: f64,
    /// From publish to arrival.
    pub latency: LatencySummary,
    /// Messages published in the whole run.
    pub published: u64,
    /// Copies that did not arrive.
    pub missing: u64,
    /// Copies that were damaged, repeated or out of order.
    pub strays: u64,
    /// Connections that ended or were refused something (the first ten).
    pub closed: Vec<String>,
    /// CPU seconds of the server within the measured phase; 0 without its pid.
    pub server_cpu_seconds: f64,
    /// CPU seconds of the generator.
    pub generator_cpu_seconds: f64,
}

impl PlainReport {
    /// Whether every copy arrived once, in order.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing == 0 && self.strays == 0 && self.closed.is_empty()
    }

    /// CPU microseconds of the server per copy.
    #[must_use]
    pub fn cpu_us_per_delivery(&self) -> f64 {
        self.server_cpu_seconds * 1e6 / (self.delivered_per_second * self.seconds).max(1.0)
    }
}

pub(super) fn assemble(settings: &PlainSettings, traffic: &Traffic, (server, generator): (f64, f64)) -> PlainReport {
    let (publishers, subscribers) = settings.numbers();
    let seconds = traffic.window.seconds();
    let (published, missing) = traffic.totals();
    PlainReport {
        shape: settings.shape,
        qos: settings.qos,
        publishers,
        subscribers,
        seconds,
        published_per_second: traffic.published_in_window as f64 / seconds,
        delivered_per_second: traffic.delivered_in_window as f64 / seconds,
        latency: traffic.latency.summary(),
        published,
        missing,
        strays: traffic.strays,
        closed: traffic.closed.iter().take(10).cloned().collect(),
        server_cpu_seconds: server,
        generator_cpu_seconds: generator,
    }
}

impl fmt::Display for PlainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { qos, publishers, subscribers, seconds, .. } = self;
        writeln!(f, "{publishers} publishers, {subscribers} subscribers, QoS {qos}, {seconds:.1} s")?;
        let (published, delivered) = (self.published_per_second, self.delivered_per_second);
        writeln!(f, "  published {published:>10.0} msg/s, delivered {delivered:>10.0} msg/s")?;
        let LatencySummary { p50_ms, p99_ms, max_ms, .. } = self.latency;
        writeln!(f, "  publish→arrival ms: p50 {p50_ms:.3}, p99 {p99_ms:.3}, max {max_ms:.3}")?;
        let (server, generator) = (self.server_cpu_seconds / seconds, self.generator_cpu_seconds / seconds);
        let each = self.cpu_us_per_delivery();
        writeln!(f, "  CPU cores: server {server:.2} ({each:.1} µs per delivery), generator {generator:.2}")?;
        writeln!(f, "  published {}, missing {}, strays {}", self.published, self.missing, self.strays)?;
        self.closed.iter().try_for_each(|reason| writeln!(f, "    {reason}"))?;
        writeln!(f, "  {}", if self.is_clean() { "clean" } else { "NOT CLEAN" })
    }
}
