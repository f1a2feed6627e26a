//! Latency histograms, counted from when a message was *due*, so that a server that stalls cannot hide it.
//!
//! In open loop a stalled server would otherwise delay the next sends, and the waiting of all the messages that were not even sent
//! would be missing from the figures (coordinated omission). [`Schedule`] fixes when each message is due before the run starts;
//! however late the generator gets to write it, its latency starts there.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest latency that is told apart: ten minutes.
const HIGHEST_NS: u64 = 600_000_000_000;

/// The part of a run that counts, in nanoseconds of the run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Start of the measured phase (end of the warm-up).
    pub from_ns: u64,
    /// End of the measured phase.
    pub to_ns: u64,
}

impl Window {
    /// Whether a moment belongs to the measured phase.
    #[must_use]
    pub fn contains(&self, moment_ns: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&moment_ns)
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        (self.to_ns - self.from_ns) as f64 / 1e9
    }
}

/// When the messages of an open loop are due: evenly spaced from the start on, over all senders in turn.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    start_ns: u64,
    per_second: f64,
}

impl Schedule {
    /// A schedule with `per_second` messages in total, from `start_ns` on.
    #[must_use]
    pub fn new(start_ns: u64, per_second: f64) -> Self {
        Self { start_ns, per_second }
    }

    /// When the n-th message is due.
    #[must_use]
    pub fn due_ns(&self, n: u64) -> u64 {
        self.start_ns + (n as f64 * 1e9 / self.per_second) as u64
    }

    /// Nanoseconds from `now_ns` until the n-th message is due; `None` when it is due already.
    #[must_use]
    pub fn wait_ns(&self, n: u64, now_ns: u64) -> Option<u64> {
        self.due_ns(n).checked_sub(now_ns).filter(|wait| *wait > 0)
    }
}

/// Latencies of the messages that were due within the measured phase.
#[derive(Debug, Clone)]
pub struct Latencies {
    window: Window,
    histogram: Histogram<u64>,
}

impl Latencies {
    /// An empty histogram with three significant digits. Its range is fixed, because a histogram that resizes itself would do so
    /// under load; what lies above counts as its upper end.
    #[must_use]
    pub fn new(window: Window) -> Self {
        #[expect(clippy::expect_used, reason = "the bounds and digits are constants that the histogram allows")]
        let histogram = Histogram::new_with_bounds(1, HIGHEST_NS, 3).expect("constant bounds");
        Self { window, histogram }
    }

    /// Counts one message, if it was due within the measured phase.
    pub fn record(&mut self, due_ns: u64, done_ns: u64) {
        if self.window.contains(due_ns) {
            self.histogram.saturating_record(done_ns.saturating_sub(due_ns));
        }
    }

    /// Adds another histogram's counts.
    pub fn add(&mut self, other: &Self) {
        for value in other.histogram.iter_recorded() {
            self.histogram.saturating_record_n(value.value_iterated_to(), value.count_at_value());
        }
    }

    /// The figures that are reported.
    #[must_use]
    pub fn summary(&self) -> LatencySummary {
        let at = |quantile| self.histogram.value_at_quantile(quantile) as f64 / 1e6;
        LatencySummary {
            count: self.histogram.len(),
            mean_ms: self.histogram.mean() / 1e6,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: self.histogram.max() as f64 / 1e6,
        }
    }
}

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct LatencySummary {
    /// How many messages were counted.
    pub count: u64,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// Highest.
    pub max_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn messages_are_due_evenly_spaced_without_drift() {
        let schedule = Schedule::new(5 * MS, 3000.0);
        assert_eq!(schedule.due_ns(0), 5 * MS);
        assert_eq!(schedule.due_ns(3), 6 * MS);
        assert_eq!(schedule.due_ns(3_000_000), 1_000_005 * MS, "a thousand seconds later, to the nanosecond");
        assert_eq!(schedule.wait_ns(3, 5 * MS), Some(MS));
        assert_eq!(schedule.wait_ns(3, 6 * MS), None);
        assert_eq!(schedule.wait_ns(3, 9 * MS), None);
    }

    /// 1,000 messages at one a millisecond; the server answers at once, but stands still from 400 to 900 ms.
    #[test]
    fn a_stall_shows_in_the_percentiles_although_nobody_could_send_meanwhile() {
        let schedule = Schedule::new(0, 1000.0);
        let window = Window { from_ns: 0, to_ns: 1000 * MS };
        let mut corrected = Latencies::new(window);
        let mut naive = Latencies::new(window);
        for n in 0..1000 {
            let due = schedule.due_ns(n);
            let done = if (400 * MS..900 * MS).contains(&due) { 900 * MS } else { due };
            corrected.record(due, done);
            // A generator that waits for each answer before it sends: only one message meets the stall.
            let written = if due > 400 * MS { due.max(900 * MS) } else { due };
            naive.record(written, done.max(written));
        }
        let (corrected, naive) = (corrected.summary(), naive.summary());
        assert_eq!(corrected.count, 1000);
        assert!((corrected.max_ms - 500.0).abs() < 1.0, "{corrected:?}");
        assert!((corrected.p99_ms - 490.0).abs() < 2.0, "{corrected:?}");
        assert!((corrected.mean_ms - 125.25).abs() < 1.0, "{corrected:?}");
        assert!(naive.p99_ms < 1.0, "the figure that the correction is there to prevent: {naive:?}");
    }

    #[test]
    fn only_messages_due_in_the_measured_phase_count() {
        let mut latencies = Latencies::new(Window { from_ns: 100, to_ns: 200 });
        latencies.record(99, 150);
        latencies.record(200, 250);
        assert_eq!(latencies.summary().count, 0);
        latencies.record(100, 150);
        latencies.record(199, 10_000);
        assert_eq!(latencies.summary().count, 2, "one due at the end counts however late it is done");
    }

    #[test]
    fn added_histograms_count_together() {
        let window = Window { from_ns: 0, to_ns: 10 };
        let (mut one, mut other) = (Latencies::new(window), Latencies::new(window));
        one.record(0, MS);
        other.record(0, 3 * MS);
        one.add(&other);
        let summary = one.summary();
        assert_eq!(summary.count, 2);
        assert!((summary.max_ms - 3.0).abs() < 0.01 && (summary.p50_ms - 1.0).abs() < 0.01, "{summary:?}");
    }
}
