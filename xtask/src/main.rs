//! The project's own commands, run as `cargo xtask <command>`.
//!
//! A plain binary instead of shell scripts: it needs nothing but cargo, and the tidy checks
//! are tested like any other code. It depends on none of the workspace's crates, so that it
//! starts within seconds on a fresh clone; commands that need them start those binaries.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its user")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod check;
mod fuzz;
mod interop;
mod program;
mod rust_source;
mod services;
mod test;
mod torture;
mod tree;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::tree::Tree;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Longwave's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the rules that keep the source readable.
    Check(check::Args),
    /// Run everything that must pass before a change lands.
    Test(test::Args),
    /// Kill the server under load and compare what was promised with what arrived.
    Torture(torture::Args),
    /// Run the fuzz targets.
    Fuzz(fuzz::Args),
    /// Run MQTT clients written by others against the built server.
    Interop(interop::Args),
    /// Start and stop the engines that tests run against: Cassandra, Redis.
    Services(services::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<bool> {
    program::our_path()?;
    let root = tree::root()?;
    match command {
        Command::Check(args) => check::run(&Tree::open(&root)?, &args),
        Command::Test(args) => test::run(&root, &args),
        Command::Torture(args) => torture::run(&root, &args),
        Command::Fuzz(args) => fuzz::run(&root, &args),
        Command::Interop(args) => interop::run(&root, &args),
        Command::Services(args) => services::run(&root, &args),
    }
}
