//! `longwave-side-by-side`: Longwave beside Mosquitto, same loads, same generator, same run.
//!
//! Exit code 0: measured; 1: measured, but a server lost, repeated or refused something; 2: could not be measured.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use longwave_benches::side_by_side::{self, SideBySideSettings};

#[derive(Parser)]
#[command(version, about = "Measures Longwave beside Mosquitto and prints medians and ratios")]
struct Cli {
    /// Print JSON (every value of every round) instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SideBySideSettings,
}

fn main() -> ExitCode {
    match compare(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "longwave-side-by-side: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn compare(cli: &Cli) -> anyhow::Result<bool> {
    let report = side_by_side::run(&cli.settings, |what| {
        let _ = writeln!(std::io::stderr(), "{what}");
    })?;
    let mut out = std::io::stdout().lock();
    if cli.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(report.is_clean())
}
