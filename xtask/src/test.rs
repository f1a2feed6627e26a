//! `cargo xtask test`: everything that must pass before a change lands, in one command.
//!
//! People and CI run the same thing. Every stage is printed with what it took beside its
//! budget, so that creeping slowness shows; a stage that does not run is printed with its
//! reason, and fails under `CI`, so that nothing is skipped in silence.

mod report;
mod said;
mod stage;
mod tools;
mod watch;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::program;
use crate::services;
use report::{Entry, Report};
use stage::{STAGES, Verdict};

/// What `cargo xtask test` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only these stages, separated by commas.
    #[arg(long, value_delimiter = ',', conflicts_with = "skip")]
    only: Vec<String>,
    /// Leave these stages out, separated by commas.
    #[arg(long, value_delimiter = ',')]
    skip: Vec<String>,
    /// Stop at the first stage that fails.
    #[arg(long)]
    fail_fast: bool,
    /// List the stages and stop.
    #[arg(long)]
    list: bool,
}

/// Runs the stages; true if none failed.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool> {
    if let Some(unknown) =
        args.only.iter().chain(&args.skip).find(|name| STAGES.iter().all(|stage| stage.name != *name))
    {
        let names: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("no stage is called {unknown}; there are {}", names.join(", "));
    }
    if args.list {
        for stage in &STAGES {
            println!("{:<8} {}", stage.name, stage.job);
        }
        return Ok(true);
    }
    let strict = program::in_ci();
    let mut report = Report::default();
    let running = services::running(root);
    for stage in &STAGES {
        // Stages left out by `--only` were asked for by nobody; those of `--skip` are named.
        if !args.only.is_empty() && !args.only.iter().any(|name| name == stage.name) {
            continue;
        }
        let started = Instant::now();
        let verdict = if args.skip.iter().any(|name| name == stage.name) {
            Verdict::Skipped("left out by --skip".to_owned())
        } else {
            report::heading(stage);
            stage.run(root)
        };
        let entry = Entry { stage, verdict, took: started.elapsed() };
        report::ending(&entry);
        let failed = entry.failed(strict);
        report.add(entry);
        if failed && args.fail_fast {
            break;
        }
    }
    // Those that ran before are somebody's.
    services::stop_all_but(root, &running)?;
    report.print(strict);
    Ok(report.failed(strict) == 0)
}
