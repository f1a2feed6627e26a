//! The figures of an offline run, and the sampling of the server's resident memory behind them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::ledger::Verdict;
use crate::process::Memory;

const SAMPLE_EVERY_NS: u64 = 100_000_000;

/// Samples that a report shows; more are thinned out evenly.
const SHOWN: usize = 10;

/// The server's resident memory over a phase.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RssSamples {
    /// Highest, in KiB; 0 when the server's pid was not given.
    pub highest_kib: u64,
    /// (seconds since the phase began, KiB), evenly thinned out.
    pub samples: Vec<(f64, u64)>,
}

/// Reads the resident memory of a process every 100 ms, when asked to often enough.
pub(super) struct RssSampler {
    clock: Clock,
    pid: Option<u32>,
    start_ns: u64,
    next_ns: u64,
    samples: Vec<(f64, u64)>,
}

impl RssSampler {
    pub(super) fn new(clock: Clock, pid: Option<u32>) -> Self {
        let now_ns = clock.now_ns();
        Self { clock, pid, start_ns: now_ns, next_ns: now_ns, samples: Vec::new() }
    }

    pub(super) fn sample(&mut self) {
        let now_ns = self.clock.now_ns();
        let Some(pid) = self.pid.filter(|_| now_ns >= self.next_ns) else { return };
        if let Ok(rss_kib) = Memory::rss_of(pid) {
            self.samples.push(((now_ns - self.start_ns) as f64 / 1e9, rss_kib));
        }
        self.next_ns = now_ns + SAMPLE_EVERY_NS;
    }

    pub(super) fn finish(self) -> RssSamples {
        let highest_kib = self.samples.iter().map(|(_, rss_kib)| *rss_kib).max().unwrap_or(0);
        let step = self.samples.len().div_ceil(SHOWN).max(1);
        RssSamples { highest_kib, samples: self.samples.into_iter().step_by(step).collect() }
    }
}

/// Result of `longwave-load offline`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfflineReport {
    /// Messages sent while the device was away.
    pub messages: u64,
    /// Body size in bytes.
    pub body: usize,
    /// Seconds until the last PUBACK.
    pub send_seconds: f64,
    /// Messages acknowledged per second.
    pub sent_per_second: f64,
    /// Seconds from CONNECT of the returning device to the last arrival.
    pub drain_seconds: f64,
    /// Messages taken per second.
    pub drained_per_second: f64,
    /// Whether the server still knew the session.
    pub session_present: bool,
    /// Messages that came again when the device left and returned a second time.
    pub came_again: u64,
    /// Messages of an earlier run.
    pub leftovers: u64,
    /// Counts.
    pub verdict: Verdict,
    /// Before the first message.
    pub memory_before: Option<Memory>,
    /// While messages arrived.
    pub rss_while_arriving: RssSamples,
    /// After the last PUBACK, and a pause.
    pub memory_after_arrival: Option<Memory>,
    /// While the device took them.
    pub rss_while_draining: RssSamples,
    /// After the last arrival, and a pause.
    pub memory_after_drain: Option<Memory>,
}

impl OfflineReport {
    /// Whether exactly the messages that were sent came, once and in order.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.verdict.is_clean()
            && self.came_again == 0
            && self.session_present
            && self.verdict.delivered == self.messages
    }
}

impl fmt::Display for OfflineReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} messages of {} bytes to one device that is away", self.messages, self.body)?;
        writeln!(f, "  sent    in {:>7.1} s: {:>8.0} msg/s", self.send_seconds, self.sent_per_second)?;
        writeln!(f, "  drained in {:>7.1} s: {:>8.0} msg/s", self.drain_seconds, self.drained_per_second)?;
        let v = &self.verdict;
        writeln!(
            f,
            "  acknowledged {} delivered {} | lost {} duplicates {} out of order {} stray {} refused {} unanswered {}",
            v.acknowledged, v.delivered, v.lost, v.duplicates, v.out_of_order, v.stray, v.refused, v.unanswered
        )?;
        writeln!(
            f,
            "  session present {}, came again {}, leftovers {}",
            self.session_present, self.came_again, self.leftovers
        )?;
        if let (Some(before), Some(arrived), Some(drained)) =
            (self.memory_before, self.memory_after_arrival, self.memory_after_drain)
        {
            writeln!(
                f,
                "  server RSS KiB: before {}, arriving at most {}, arrived {}, draining at most {}, drained {}",
                before.rss_kib,
                self.rss_while_arriving.highest_kib,
                arrived.rss_kib,
                self.rss_while_draining.highest_kib,
                drained.rss_kib
            )?;
            for (name, rss) in [("arriving", &self.rss_while_arriving), ("draining", &self.rss_while_draining)] {
                let shown: Vec<String> = rss.samples.iter().map(|(at, kib)| format!("{at:.1}s {kib}")).collect();
                writeln!(f, "    {name}: {}", shown.join(", "))?;
            }
        }
        writeln!(f, "  {}", if self.is_clean() { "clean" } else { "NOT CLEAN" })
    }
}
