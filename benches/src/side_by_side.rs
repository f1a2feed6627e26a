//! Runs the same loads against several servers in turn, and prints medians and ratios.
//!
//! Figures of a shared machine mean little alone; beside each other, in one run, they do. Every figure of every round is taken on
//! a server that was just started, on an empty directory, with no other server running; the order changes from round to round. The
//! generator is the same program with the same flags, as a process of its own.

mod fsync;
mod load;
mod server;
mod table;

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::topics::TopicScheme;
use fsync::FsyncProbe;
use load::Figures;
use server::Contender;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Figure {
    /// 1:1 in closed loop: the most that a server carries.
    Closed,
    /// 1:1 at a fixed rate: latency.
    Open,
    /// Memory of idle connections.
    Idle,
    /// Messages to a device that is away.
    Offline,
    /// Plain topics at QoS 0, 1 and 2, one to one, many to one and one to many; clean sessions.
    Plain,
}

/// The flags of `longwave-side-by-side`.
#[derive(Debug, Clone, Args)]
pub struct SideBySideSettings {
    /// Rounds; each figure is the median of all.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// What to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["closed", "open", "idle"])]
    pub figures: Vec<Figure>,
    /// Command line of Longwave; `{port}`, `{port1}`, `{port2}` are free ports, `{dir}` is an empty directory. Split at spaces.
    #[arg(
        long,
        default_value = "target/release/longwave serve --dev --data-dir {dir}/data --set listen.mqtt=127.0.0.1:{port} \
                         --set listen.websocket=127.0.0.1:{port1} --set listen.admin=127.0.0.1:{port2}"
    )]
    pub longwave: String,
    /// The mosquitto program.
    #[arg(long, default_value = "/usr/sbin/mosquitto")]
    pub mosquitto: PathBuf,
    /// Measure only this server (`longwave` or `mosquitto`).
    #[arg(long)]
    pub only: Option<String>,
    /// Where servers keep their data while they run; on the disk whose fsync counts.
    #[arg(long, default_value = "target/side-by-side")]
    pub work_dir: PathBuf,
    /// MQTT protocol level: 4 is 3.1.1, 5 is 5.0.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(4..=5))]
    pub mqtt: u8,
    /// Clean sessions instead of durable ones.
    #[arg(long)]
    pub clean: bool,
    /// Connections of the 1:1 loads.
    #[arg(long, default_value_t = 1000)]
    pub connections: usize,
    /// Closed loop: publishes that each sender keeps unanswered; several values are several figures.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10])]
    pub windows: Vec<u16>,
    /// Open loop: messages per second over all senders; several values are several figures.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000.0])]
    pub rates: Vec<f64>,
    /// Seconds of traffic before each measured phase.
    #[arg(long, default_value_t = 3.0)]
    pub warm_up: f64,
    /// Seconds of each measured phase.
    #[arg(long, default_value_t = 10.0)]
    pub measure: f64,
    /// Idle connections at each step.
    #[arg(long, value_delimiter = ',', default_values_t = [2_000, 10_000, 18_000])]
    pub steps: Vec<usize>,
    /// Messages to the device that is away.
    #[arg(long, default_value_t = 100_000)]
    pub messages: u64,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct SideBySideReport {
    /// Rounds.
    pub rounds: usize,
    /// Time of one small append and fdatasync on the disk that was used.
    pub fsync: FsyncProbe,
    /// Names of the servers, in the order of the columns.
    pub servers: Vec<String>,
    /// All figures of all rounds.
    pub figures: Figures,
}

impl SideBySideReport {
    /// Whether every load delivered what it should on every server.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.figures.unclean.is_empty()
    }
}

/// Runs all rounds; `progress` is told what is being measured.
///
/// # Errors
/// When a server or the generator is missing, does not start, or a load cannot be made.
pub fn run(settings: &SideBySideSettings, mut progress: impl FnMut(&str)) -> anyhow::Result<SideBySideReport> {
    ensure!(settings.rounds > 0, "--rounds must be at least 1");
    fs::create_dir_all(&settings.work_dir).with_context(|| format!("--work-dir {}", settings.work_dir.display()))?;
    let work_dir = fs::canonicalize(&settings.work_dir)?;
    let mut contenders = contenders(settings)?;
    let servers: Vec<String> = contenders.iter().map(|contender| contender.name.to_owned()).collect();
    let loads = load::plan(settings)?;
    let fsync = fsync::probe(&work_dir)?;
    progress(&format!("fdatasync of 300 bytes: p50 {:.3} ms, p99 {:.3} ms", fsync.p50_ms, fsync.p99_ms));
    let mut figures = Figures::default();
    for round in 1..=settings.rounds {
        for load in &loads {
            for contender in &contenders {
                progress(&format!("round {round} of {}: {} on {}", settings.rounds, load.name, contender.name));
                let server = contender.start(&work_dir)?;
                load.run(contender, &server, &mut figures)?;
                server.stop()?;
            }
        }
        contenders.rotate_left(1);
    }
    Ok(SideBySideReport { rounds: settings.rounds, fsync, servers, figures })
}

fn contenders(settings: &SideBySideSettings) -> anyhow::Result<Vec<Contender>> {
    let wanted = |name: &str| settings.only.as_deref().is_none_or(|only| only == name);
    let mut contenders = Vec::new();
    if wanted("longwave") {
        contenders.push(Contender::from_command_line("longwave", &settings.longwave, TopicScheme::Longwave)?);
    }
    if wanted("mosquitto") {
        contenders.push(Contender::mosquitto(&settings.mosquitto)?);
    }
    ensure!(!contenders.is_empty(), "--only must be longwave or mosquitto");
    Ok(contenders)
}

impl fmt::Display for SideBySideReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "medians of {} rounds; fdatasync of 300 bytes here: p50 {:.3} ms", self.rounds, self.fsync.p50_ms)?;
        table::write(f, &self.servers, &self.figures)?;
        for complaint in &self.figures.unclean {
            writeln!(f, "NOT CLEAN: {complaint}")?;
        }
        Ok(())
    }
}
