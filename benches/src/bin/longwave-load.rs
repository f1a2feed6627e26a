//! `longwave-load`: makes MQTT load and measures what a server does with it.
//!
//! Exit code 0: everything was delivered as it should be; 1: it was not; 2: the run could not be made.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use longwave_benches::idle::{self, IdleSettings};
use longwave_benches::offline::{self, OfflineSettings};
use longwave_benches::pairs::{self, PairsSettings};
use longwave_benches::plain::{self, PlainSettings};
use serde::Serialize;

#[derive(Parser)]
#[command(
    version,
    about = "Load generator for MQTT servers: 1:1 traffic, plain topics, idle connections, a device that is away"
)]
struct Cli {
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    /// 1:1 traffic over many connections, closed or open loop.
    Pairs(PairsSettings),
    /// Plain topics at QoS 0, 1 or 2: one to one, many to one, one to many.
    Plain(PlainSettings),
    /// Idle connections in steps, and the server's memory at each.
    Idle(IdleSettings),
    /// Messages to a device that is away, then the device comes back.
    Offline(OfflineSettings),
}

fn main() -> ExitCode {
    let Cli { json, load } = Cli::parse();
    let outcome = match load {
        Load::Pairs(settings) => pairs::run(&settings).and_then(|report| print(&report, json, report.is_clean())),
        Load::Plain(settings) => plain::run(&settings).and_then(|report| print(&report, json, report.is_clean())),
        Load::Idle(settings) => idle::run(&settings).and_then(|report| print(&report, json, report.is_clean())),
        Load::Offline(settings) => offline::run(&settings).and_then(|report| print(&report, json, report.is_clean())),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "longwave-load: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn print(report: &(impl Serialize + std::fmt::Display), json: bool, clean: bool) -> anyhow::Result<bool> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(clean)
}
