//! The loads of a round: the generator's arguments, and which figures its report yields.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::server::{Contender, Running};
use super::{Figure, SideBySideSettings};
use crate::idle::IdleReport;
use crate::offline::OfflineReport;
use crate::pairs::PairsReport;
use crate::plain::PlainReport;

/// Whether more or less of a figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Throughput.
    More,
    /// Latency, memory, CPU.
    Less,
}

/// One row of the table: all rounds of all servers.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What it is, with its unit.
    pub name: String,
    /// Which direction is good.
    pub better: Better,
    /// Server name → one value per round.
    pub values: BTreeMap<String, Vec<f64>>,
}

/// All rows, in the order in which they first appeared.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Rows.
    pub rows: Vec<Row>,
    /// Loads that lost, repeated, reordered or refused something.
    pub unclean: Vec<String>,
}

impl Figures {
    fn add(&mut self, server: &str, name: String, better: Better, value: f64) {
        let at = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            self.rows.push(Row { name, better, values: BTreeMap::new() });
            self.rows.len() - 1
        });
        self.rows[at].values.entry(server.to_owned()).or_default().push(value);
    }
}

/// One load with its arguments.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) name: String,
    figure: Figure,
    program: PathBuf,
    arguments: Vec<String>,
}

/// The loads that the settings ask for.
pub(super) fn plan(settings: &SideBySideSettings) -> anyhow::Result<Vec<Load>> {
    let program = std::env::current_exe()?.with_file_name("longwave-load");
    ensure!(
        program.exists(),
        "{} is not there; build it (cargo build --release -p longwave-benches)",
        program.display()
    );
    let mut loads = Vec::new();
    let mut add = |figure, name: String, arguments: &[String]| {
        let mut all = arguments.to_vec();
        all.extend(["--json", "--mqtt"].map(str::to_owned));
        all.push(settings.mqtt.to_string());
        if !settings.clean {
            all.push("--durable".to_owned());
        }
        loads.push(Load { name, figure, program: program.clone(), arguments: all });
    };
    let pairs = |extra: [&str; 2]| {
        let phases = ["--connections", &settings.connections.to_string(), "--warm-up", &settings.warm_up.to_string()]
            .map(str::to_owned);
        let measure = ["--measure", &settings.measure.to_string(), extra[0], extra[1]].map(str::to_owned);
        [&["pairs".to_owned()][..], &phases, &measure].concat()
    };
    for figure in &settings.figures {
        match figure {
            Figure::Closed => {
                for window in &settings.windows {
                    add(*figure, format!("closed loop, window {window}"), &pairs(["--window", &window.to_string()]));
                }
            }
            Figure::Open => {
                for rate in &settings.rates {
                    add(*figure, format!("open loop, {rate:.0} msg/s"), &pairs(["--rate", &rate.to_string()]));
                }
            }
            Figure::Idle => {
                let steps: Vec<String> = settings.steps.iter().map(ToString::to_string).collect();
                add(*figure, "idle".to_owned(), &["idle", "--steps", &steps.join(",")].map(str::to_owned));
            }
            Figure::Offline => {
                add(
                    *figure,
                    "offline".to_owned(),
                    &["offline", "--messages", &settings.messages.to_string()].map(str::to_owned),
                );
            }
            Figure::Plain => {
                for (shape, window) in [("pairs", 4), ("fan-in", 4), ("fan-out", 20)] {
                    for qos in 0..=2 {
                        let flags = format!("plain --shape {shape} --window {window} --qos {qos}");
                        let flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
                        add(*figure, format!("plain {shape}, QoS {qos}"), &flags);
                    }
                }
            }
        }
    }
    Ok(loads)
}

impl Load {
    /// Runs the generator against a server and adds its figures.
    pub(super) fn run(&self, contender: &Contender, server: &Running, figures: &mut Figures) -> anyhow::Result<()> {
        let name = contender.name;
        match self.figure {
            Figure::Closed | Figure::Open => {
                let report: PairsReport = self.generate(contender, server)?;
                self.pairs_figures(name, &report, figures);
                self.judge(name, report.is_clean(), &report.verdict, figures);
            }
            Figure::Idle => {
                let report: IdleReport = self.generate(contender, server)?;
                for step in report.steps.iter().skip(1) {
                    let mib = step.memory.rss_kib as f64 / 1024.0;
                    figures.add(name, format!("{} idle connections: RSS MiB", step.connections), Better::Less, mib);
                }
                figures.add(
                    name,
                    "bytes per idle connection, slope".to_owned(),
                    Better::Less,
                    report.rss_bytes_per_connection,
                );
                self.judge(name, report.is_clean(), &report.closed, figures);
            }
            Figure::Offline => {
                let report: OfflineReport = self.generate(contender, server)?;
                figures.add(name, "offline: sent msg/s".to_owned(), Better::More, report.sent_per_second);
                figures.add(name, "offline: drained msg/s".to_owned(), Better::More, report.drained_per_second);
                if let (Some(before), Some(after)) = (report.memory_before, report.memory_after_arrival) {
                    let mib = (after.rss_kib as f64 - before.rss_kib as f64) / 1024.0;
                    figures.add(name, "offline: RSS growth while arriving, MiB".to_owned(), Better::Less, mib);
                }
                self.judge(name, report.is_clean(), &report.verdict, figures);
            }
            Figure::Plain => {
                let report: PlainReport = self.generate(contender, server)?;
                let mut add = |what: &str, better, value| {
                    figures.add(name, format!("{}: {what}", self.name), better, value);
                };
                add("delivered msg/s", Better::More, report.delivered_per_second);
                add("publish→arrival p99 ms", Better::Less, report.latency.p99_ms);
                add("server CPU µs per delivery", Better::Less, report.cpu_us_per_delivery());
                self.judge(name, report.is_clean(), &report, figures);
            }
        }
        Ok(())
    }

    fn pairs_figures(&self, server: &str, report: &PairsReport, figures: &mut Figures) {
        let mut add = |what: &str, better, value| figures.add(server, format!("{}: {what}", self.name), better, value);
        add("acknowledged msg/s", Better::More, report.acknowledged_per_second);
        add("delivered msg/s", Better::More, report.delivered_per_second);
        add("send→ack p50 ms", Better::Less, report.send_to_ack.p50_ms);
        add("send→ack p99 ms", Better::Less, report.send_to_ack.p99_ms);
        add("send→deliver p50 ms", Better::Less, report.send_to_deliver.p50_ms);
        add("send→deliver p99 ms", Better::Less, report.send_to_deliver.p99_ms);
        if let Some(used) = &report.server {
            add("server CPU µs per message", Better::Less, used.cpu_us_per_message);
            add("server CPU cores", Better::Less, used.cpu_seconds / report.seconds);
        }
        add("generator CPU cores", Better::Less, report.generator_cpu_seconds / report.seconds);
        if let Some(other) = report.other_cpu_seconds {
            add("rest of the machine, CPU cores", Better::Less, other / report.seconds);
        }
        if let Some(lateness) = &report.generator_lateness {
            add("generator late p99 ms", Better::Less, lateness.p99_ms);
        }
    }

    fn judge(&self, server: &str, clean: bool, verdict: &impl std::fmt::Debug, figures: &mut Figures) {
        if !clean {
            figures.unclean.push(format!("{} on {server}: {verdict:?}", self.name));
        }
    }

    fn generate<T: DeserializeOwned>(&self, contender: &Contender, server: &Running) -> anyhow::Result<T> {
        let topics = clap::ValueEnum::to_possible_value(&contender.topics).context("a topic scheme has no name")?;
        let output = Command::new(&self.program)
            .args(&self.arguments)
            .args(["--address", &server.address.to_string(), "--topics", topics.get_name()])
            .args(["--server-pid", &server.pid().to_string()])
            .output()
            .context("cannot run the generator")?;
        // 1 says that the load found a fault, which the report carries; anything above, that there is no report.
        if !matches!(output.status.code(), Some(0 | 1)) {
            bail!("{} on {}: {}", self.name, contender.name, String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("the generator's report cannot be read")
    }
}
