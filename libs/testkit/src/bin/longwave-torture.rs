//! Breaks the server under load and checks the promises. `cargo xtask torture` builds what is needed and calls this.

#![expect(clippy::print_stdout, reason = "a command for people")]

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use longwave_testkit::cassandra::CassandraNode;
use longwave_testkit::cuts::{Identity, cut_everywhere};
use longwave_testkit::server::{Server, ServerPlan};
use longwave_testkit::torture::{Run, Verdict, run};

/// Kills, cuts and planted faults.
#[derive(Debug, Parser)]
struct Arguments {
    /// The built longwave binary.
    #[arg(long)]
    binary: PathBuf,
    /// A binary built with the feature `fault-injection`: each planted fault must make the checker fail.
    #[arg(long)]
    faulty_binary: Option<PathBuf>,
    /// Leaves the cut connections out.
    #[arg(long)]
    no_cuts: bool,
    /// Kills of the server, over all runs.
    #[arg(long, default_value_t = 12)]
    kills: u32,
    /// Kills in one run.
    #[arg(long, default_value_t = 12)]
    kills_per_run: u32,
    /// Seed of the first run; the next runs count up.
    #[arg(long)]
    seed: Option<u64>,
    /// Users; each has one sender and two devices.
    #[arg(long, default_value_t = 6)]
    users: usize,
    /// Keeps the store on the Cassandra node at HOST:PORT. Half of the kills then disturb that node instead, if `--xtask` is given.
    #[arg(long, value_name = "HOST:PORT")]
    cassandra: Option<String>,
    /// The xtask program, by which the node `cassandra` is frozen, killed and started.
    #[arg(long, requires = "cassandra")]
    xtask: Option<PathBuf>,
}

/// Faults and the kills within which each must have been seen.
const FAULTS: [(&str, u32); 3] = [("reuse-seq", 1), ("skip-cursor", 2), ("ack-before-fsync", 8)];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if !arguments.no_cuts {
        cuts(&arguments)?;
    }
    kills(&arguments).await?;
    println!("torture: every promise held");
    if let Some(binary) = &arguments.faulty_binary {
        planted_faults(&arguments, binary).await?;
        println!("torture: every planted fault was seen");
    }
    Ok(())
}

fn cuts(arguments: &Arguments) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let mut server = Server::start(ServerPlan::new(&arguments.binary, directory.path())?)?;
    for identity in [Identity::Id, Identity::BareQos1, Identity::BareQos2] {
        let seqs = cut_everywhere(server.plan().mqtt, identity)?;
        println!("cuts: {identity:?}: connection cut at {} places, each message stored once", seqs.len());
    }
    server.stop()
}

async fn kills(arguments: &Arguments) -> anyhow::Result<()> {
    let mut left = arguments.kills;
    let mut seed = arguments.seed.unwrap_or_else(rand::random::<u64>);
    while left > 0 {
        let kills = left.min(arguments.kills_per_run);
        println!("kills: {kills} with seed {seed}");
        let cassandra = arguments.cassandra.as_ref().map(|address| CassandraNode {
            address: address.clone(),
            xtask: arguments.xtask.clone(),
            node: "cassandra".to_owned(),
        });
        let plan =
            Run { binary: arguments.binary.clone(), kills, seed, users: arguments.users, fault: None, cassandra };
        let verdict = run(&plan).await.with_context(|| format!("seed {seed}"))?;
        report(&verdict);
        ensure!(is_clean(&verdict), "broken promises with seed {seed}");
        ensure!(verdict.acknowledged > 0, "nothing was sent");
        left -= kills;
        seed = seed.wrapping_add(1);
    }
    Ok(())
}

async fn planted_faults(arguments: &Arguments, binary: &std::path::Path) -> anyhow::Result<()> {
    for (fault, kills) in FAULTS {
        let plan = Run {
            binary: binary.to_owned(),
            kills,
            seed: arguments.seed.unwrap_or(1),
            users: arguments.users,
            fault: Some(fault.to_owned()),
            cassandra: None,
        };
        match run(&plan).await {
            Ok(verdict) if is_clean(&verdict) => bail!("the planted fault {fault} was not seen"),
            Ok(verdict) => println!("planted fault {fault}: seen, {} breaches", verdict.breaches.len()),
            Err(error) => return Err(error).with_context(|| format!("the run with the planted fault {fault}")),
        }
    }
    Ok(())
}

fn is_clean(verdict: &Verdict) -> bool {
    verdict.breaches.is_empty() && verdict.audit.is_none()
}

fn report(verdict: &Verdict) {
    println!(
        "  {} acknowledged, {} delivered, {} breaches",
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
}
