//! Acknowledged messages per second on Cassandra, between what a naive design reaches and what the views allow.
//!
//! Per round, one after the other on the same nodes: (a) messages through `longwave serve`; (b) one compare-and-set per message straight by
//! the driver, nothing else; (c) the view writes of the same messages alone, by the store's own `apply`, without any journal. (b) and (c)
//! get the whole machine without a broker, so both comparisons are hard on (a).

mod conversations;
mod naive;
mod sends;
mod views;

use std::fmt;

use clap::Args;
use serde::Serialize;

use super::deployment::{Deployment, DeploymentSettings, Role};
use super::line;
use crate::latency::LatencySummary;
use crate::process::{cpu_seconds, machine_cpu_seconds};
use conversations::Conversations;
use naive::Naive;
use sends::Sends;
use views::Views;

/// The flags of `longwave-cluster-figures journal`.
#[derive(Debug, Clone, Args)]
pub struct JournalSettings {
    /// Where to measure.
    #[command(flatten)]
    pub deployment: DeploymentSettings,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Devices that send.
    #[arg(long, default_value_t = 100)]
    pub devices: usize,
    /// Direct conversations of each device.
    #[arg(long, default_value_t = 100)]
    pub peers: usize,
    /// One group with all devices as members, instead of direct conversations.
    #[arg(long)]
    pub group: bool,
    /// Publishes that a device keeps unanswered.
    #[arg(long, default_value_t = 40)]
    pub window: u16,
    /// Bytes of a body.
    #[arg(long, default_value_t = 200)]
    pub body: usize,
    /// Seconds before each measured phase.
    #[arg(long, default_value_t = 3.0)]
    pub warm_up: f64,
    /// Seconds of each measured phase.
    #[arg(long, default_value_t = 10.0)]
    pub measure: f64,
    /// Compare-and-sets under way at once in (b); a group is one conversation and has one.
    #[arg(long, default_value_t = 64)]
    pub naive_at_once: usize,
    /// (c): messages of one call of `apply` and calls under way, as `1x128`; the best of all counts.
    #[arg(long, value_delimiter = ',', default_values_t = ["1x128".to_owned(), "40x16".to_owned()])]
    pub views: Vec<String>,
    /// Only (a), to look at the process meanwhile.
    #[arg(long)]
    pub only_longwave: bool,
}

/// One measured phase.
#[derive(Debug, Clone, Serialize)]
pub struct Phase {
    /// What was measured.
    pub name: String,
    /// Messages per second.
    pub per_second: f64,
    /// From sending to the answer.
    pub latency: LatencySummary,
    /// Entries per append, of (a).
    pub entries_per_append: Option<f64>,
    /// Shares of a core: server (a), generator, Cassandra (with its pid), all of the machine.
    pub cores: [Option<f64>; 4],
}

/// All rounds.
#[derive(Debug, Serialize)]
pub struct JournalReport {
    rounds: Vec<Vec<Phase>>,
    refused: u64,
}

impl JournalReport {
    /// Whether every message was stored.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.refused == 0
    }
}

/// Runs all rounds.
///
/// # Errors
/// When an engine is not there or a process does not start.
pub fn run(settings: &JournalSettings, mut progress: impl FnMut(&str)) -> anyhow::Result<JournalReport> {
    let deployment = Deployment::new(&settings.deployment)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let conversations = Conversations::new(settings)?;
    let node = deployment.start(Role::Serve, "serve")?;
    let mut sends = Sends::open(node.mqtt, settings)?;
    progress(&format!("{} conversations began in {:.1} s", conversations.len(), sends.begin()?));
    let naive = runtime.block_on(Naive::new(&deployment, &conversations))?;
    let views = runtime.block_on(Views::new(&deployment, &conversations))?;
    let mut rounds = Vec::new();
    for round in 1..=settings.rounds {
        let mut phases = Vec::new();
        let use_of = Cores::new(&deployment, Some(node.pid()));
        let (before, mut cores) = (node.numbers()?, [None; 4]);
        let sent = sends.run(settings, |at_start| use_of.note(at_start, &mut cores))?;
        let after = node.numbers()?;
        let appends = after.since(&before, "longwave_appends");
        phases.push(Phase {
            name: "a  longwave".to_owned(),
            per_second: sent.per_second,
            latency: sent.latency,
            entries_per_append: Some(after.since(&before, "longwave_entries") / appends.max(1.0)),
            cores,
        });
        if !settings.only_longwave {
            let at_once = if settings.group { 1 } else { settings.naive_at_once };
            let use_of = Cores::new(&deployment, None);
            let mut cores = [None; 4];
            let note = |at_start| use_of.note(at_start, &mut cores);
            let done = runtime.block_on(naive.run(settings, at_once, note))?;
            phases.push(done.phase(format!("b  naive, {at_once} at once"), cores));
            for shape in &settings.views {
                let mut cores = [None; 4];
                let note = |at_start| use_of.note(at_start, &mut cores);
                let done = runtime.block_on(views.run(settings, shape, note))?;
                phases.push(done.phase(format!("c  views {shape}"), cores));
            }
        }
        for phase in &phases {
            progress(&format!("round {round}: {phase}"));
        }
        rounds.push(phases);
    }
    let refused = sends.refused();
    node.stop()?;
    drop((naive, views));
    deployment.finish()?;
    Ok(JournalReport { rounds, refused })
}

/// What a load by the driver did.
struct Done {
    per_second: f64,
    latency: LatencySummary,
}

impl Done {
    fn phase(self, name: String, cores: [Option<f64>; 4]) -> Phase {
        Phase { name, per_second: self.per_second, latency: self.latency, entries_per_append: None, cores }
    }
}

/// CPU time at the start of a measured phase.
struct Cores {
    pids: [Option<u32>; 3],
    start: std::cell::Cell<([Option<f64>; 4], Option<std::time::Instant>)>,
}

impl Cores {
    fn new(deployment: &Deployment, server: Option<u32>) -> Self {
        let pids = [server, Some(std::process::id()), deployment.settings.cassandra_pid];
        Self { pids, start: std::cell::Cell::default() }
    }

    fn note(&self, at_start: bool, cores: &mut [Option<f64>; 4]) {
        let [server, generator, cassandra] = self.pids.map(|pid| pid.and_then(|pid| cpu_seconds(pid).ok()));
        let now = [server, generator, cassandra, machine_cpu_seconds().ok()];
        if at_start {
            self.start.set((now, Some(std::time::Instant::now())));
        } else if let (before, Some(since)) = self.start.get() {
            let seconds = since.elapsed().as_secs_f64();
            for (at, share) in cores.iter_mut().enumerate() {
                *share = now[at].zip(before[at]).map(|(now, before)| (now - before) / seconds);
            }
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<20} {:>7.0} msg/s  {}", self.name, self.per_second, line(&self.latency))?;
        if let Some(entries) = self.entries_per_append {
            write!(f, "  {entries:.1} entries per append")?;
        }
        for (name, share) in ["server", "generator", "cassandra", "machine"].iter().zip(self.cores) {
            if let Some(share) = share {
                write!(f, "  {name} {share:.2}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for JournalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (round, phases) in self.rounds.iter().enumerate() {
            let best = |letter: &str| {
                let rates = phases.iter().filter(|phase| phase.name.starts_with(letter)).map(|phase| phase.per_second);
                rates.fold(0.0, f64::max)
            };
            let (a, b, c) = (best("a"), best("b"), best("c"));
            writeln!(f, "round {}: a {a:.0}  b {b:.0}  c {c:.0}  a/b {:.1}  a/c {:.2}", round + 1, a / b, a / c)?;
        }
        writeln!(f, "refused {}", self.refused)
    }
}
