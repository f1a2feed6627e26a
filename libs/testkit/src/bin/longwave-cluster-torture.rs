//! Breaks a cluster of two brokers and two bridges under load, and what is below it, and checks the promises. `cargo xtask torture
//! --cluster` starts the engines and calls this.

#![expect(clippy::print_stdout, reason = "a command for people")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
use longwave_testkit::cluster::{
    ClusterRun, ClusterVerdict, DeadRun, Engines, OutageRun, RollingRun, dead, outage, rolling, run,
};

/// Kills, freezes, cuts, wrong clocks, and engines that fail.
#[derive(Debug, Parser)]
struct Arguments {
    /// The built longwave binary.
    #[arg(long)]
    binary: PathBuf,
    /// A binary built with the feature `fault-injection`: the planted fault must make the checker fail.
    #[arg(long)]
    faulty_binary: Option<PathBuf>,
    /// The xtask program, by which engines are disturbed.
    #[arg(long)]
    xtask: PathBuf,
    /// Faults on one Cassandra node, over all runs.
    #[arg(long, default_value_t = 20)]
    faults: u32,
    /// Faults in one run.
    #[arg(long, default_value_t = 20)]
    faults_per_run: u32,
    /// Faults on three Cassandra nodes.
    #[arg(long, default_value_t = 0)]
    faults_on_three: u32,
    /// Takes one and two of three Cassandra nodes down.
    #[arg(long)]
    outage: bool,
    /// Takes each dependency away and looks what operators are told.
    #[arg(long)]
    dead: bool,
    /// Restarts every process one after another under load.
    #[arg(long)]
    rolling: bool,
    /// Seed of the first run; the next runs count up.
    #[arg(long)]
    seed: Option<u64>,
    /// Users; each has one sender and two devices.
    #[arg(long, default_value_t = 5)]
    users: usize,
    /// Milliseconds between two messages of a sender.
    #[arg(long, default_value_t = 20)]
    pause: u64,
}

/// Within so many faults the planted one must have been seen.
const PLANTED_FAULTS: u32 = 8;
const PLANTED_SEED: u64 = 2;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut seed = arguments.seed.unwrap_or_else(rand::random::<u64>);
    let mut left = arguments.faults;
    while left > 0 {
        let faults = left.min(arguments.faults_per_run);
        one(&arguments, false, faults, seed).await?;
        left -= faults;
        seed = seed.wrapping_add(1);
    }
    if arguments.dead {
        println!("cluster: what operators are told of dead dependencies");
        let engines = Engines::of_xtask(arguments.xtask.clone(), false);
        for line in dead(&DeadRun { binary: arguments.binary.clone(), engines }).await? {
            println!("  {line}");
        }
    }
    if arguments.rolling {
        println!("cluster: rolling restart, seed {seed}");
        let engines = Engines::of_xtask(arguments.xtask.clone(), false);
        let plan = RollingRun { binary: arguments.binary.clone(), engines, seed, users: arguments.users, idle: 200 };
        let verdict = rolling(&plan).await.with_context(|| format!("seed {seed}"))?;
        println!(
            "  bridges: {} connections ended; brokers: {} devices moved, at most {} in a second (set: {}), away {:?} at most",
            verdict.closed_by_bridges, verdict.moved, verdict.burst, verdict.rate, verdict.longest_away
        );
        println!("  {} acknowledged, {} delivered", verdict.acknowledged, verdict.delivered);
        verdict.judge()?;
    }
    if arguments.faults_on_three > 0 {
        one(&arguments, true, arguments.faults_on_three, seed).await?;
    }
    if arguments.outage {
        println!("cluster: one and two of three nodes down, seed {seed}");
        let engines = Engines::of_xtask(arguments.xtask.clone(), true);
        let plan = OutageRun { binary: arguments.binary.clone(), engines, seed, users: 3 };
        judge(&outage(&plan).await.with_context(|| format!("seed {seed}"))?, seed)?;
    }
    println!("cluster: every promise held");
    if let Some(binary) = &arguments.faulty_binary {
        planted_fault(&arguments, binary).await?;
    }
    Ok(())
}

/// A bridge that takes no for yes must be seen.
async fn planted_fault(arguments: &Arguments, binary: &std::path::Path) -> anyhow::Result<()> {
    let plan = ClusterRun {
        binary: binary.to_owned(),
        engines: Engines::of_xtask(arguments.xtask.clone(), false),
        faults: PLANTED_FAULTS,
        seed: PLANTED_SEED,
        users: 5,
        pause: Duration::from_millis(5),
        planted: Some("ignore-fence".to_owned()),
    };
    let verdict = run(&plan).await.context("the run with a planted fault")?;
    ensure!(!verdict.breaches.is_empty(), "the planted fault ignore-fence was not seen");
    println!("planted fault ignore-fence: seen, {} breaches", verdict.breaches.len());
    Ok(())
}

async fn one(arguments: &Arguments, three: bool, faults: u32, seed: u64) -> anyhow::Result<()> {
    println!(
        "cluster: {faults} faults on {} Cassandra, seed {seed}",
        if three { "three nodes of" } else { "one node of" }
    );
    let plan = ClusterRun {
        binary: arguments.binary.clone(),
        engines: Engines::of_xtask(arguments.xtask.clone(), three),
        faults,
        seed,
        users: if three { arguments.users.min(3) } else { arguments.users },
        pause: Duration::from_millis(if three { arguments.pause.max(100) } else { arguments.pause }),
        planted: None,
    };
    judge(&run(&plan).await.with_context(|| format!("seed {seed}"))?, seed)
}

fn judge(verdict: &ClusterVerdict, seed: u64) -> anyhow::Result<()> {
    if !verdict.faults.is_empty() {
        println!("  {:?}", verdict.faults);
    }
    println!(
        "  {} faults, {} acknowledged, {} delivered, {} breaches",
        verdict.faults.len(),
        verdict.acknowledged,
        verdict.delivered,
        verdict.breaches.len()
    );
    for breach in verdict.breaches.iter().take(20) {
        println!("  {breach}");
    }
    if let Some(audit) = &verdict.audit {
        println!("  audit: {audit}");
    }
    ensure!(verdict.breaches.is_empty() && verdict.audit.is_none(), "broken promises with seed {seed}");
    ensure!(verdict.acknowledged > 0, "nothing was sent");
    Ok(())
}
