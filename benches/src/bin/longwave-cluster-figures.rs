//! `longwave-cluster-figures`: what Longwave does on Cassandra and in roles, beside what the engine allows.
//!
//! Exit code 0: measured; 1: measured, but something was refused or missing; 2: could not be measured.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use longwave_benches::cassandra::{self, CassandraSettings};
use longwave_benches::cluster::channel::{self, ChannelSettings};
use longwave_benches::cluster::deliver::{self, DeliverSettings};
use longwave_benches::cluster::presence::{self, PresenceSettings};
use serde::Serialize;

#[derive(Parser)]
#[command(version, about = "Figures of Longwave on Cassandra and in roles; Cassandra and Redis must run already")]
struct Cli {
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Subcommand)]
enum Figure {
    /// Acknowledged messages per second, beside one compare-and-set per message and the view writes alone.
    Journal(CassandraSettings),
    /// Latency of messages, typing and history: in roles, in one process, on the embedded store.
    Deliver(DeliverSettings),
    /// How long somebody seems online after a broker's death.
    Presence(PresenceSettings),
    /// Cost of a channel's message against members, connected members and brokers.
    Channel(ChannelSettings),
}

fn main() -> ExitCode {
    let Cli { json, figure } = Cli::parse();
    let progress = |text: &str| {
        let _ = writeln!(std::io::stderr(), "{text}");
    };
    let outcome = match figure {
        Figure::Journal(settings) => cassandra::run(&settings, progress).and_then(|report| print(&report, json, true)),
        Figure::Deliver(settings) => deliver::run(&settings, progress).and_then(|report| print(&report, json, true)),
        Figure::Presence(settings) => presence::run(&settings, progress).and_then(|report| print(&report, json, true)),
        Figure::Channel(settings) => {
            channel::run(&settings, progress).and_then(|report| print(&report, json, report.is_clean()))
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "longwave-cluster-figures: {error:#}");
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
        writeln!(out, "{report}")?;
    }
    Ok(clean)
}
