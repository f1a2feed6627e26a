//! `cargo xtask torture`: builds the server twice and starts the torture program of libs/testkit.
//!
//! The second build has faults planted in it (a receipt before the fsync, a skipped cursor, a
//! seq used twice): the checker must see each, or its silence about the first build means
//! nothing. The program is not part of this tool, because it needs a runtime and a client.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::program;

/// Kills in the long form; the short one takes what the program does by itself.
const LONG: &str = "200";

/// What `cargo xtask torture` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The form that the test command runs: a dozen kills and the planted faults.
    #[arg(long, conflicts_with = "long")]
    ci: bool,
    /// At least 200 kills, and the planted faults; of a cluster, at least 100 faults.
    #[arg(long)]
    long: bool,
    /// Two brokers and two bridges on Cassandra and Redis, instead of one process on the embedded store.
    #[arg(long)]
    cluster: bool,
    /// Passed on to `longwave-torture` or `longwave-cluster-torture` after `--`: `--kills`, `--faults`, `--seed`, `--users` …
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Breaks the server as often as asked; true if every promise held and every fault was seen.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool> {
    if args.cluster {
        return cluster(root, args);
    }
    let faulty = if args.ci || args.long {
        let Some(faulty) = build_faulty(root)? else {
            return Ok(false);
        };
        Some(faulty)
    } else {
        None
    };
    if !program::build_everything(root)? {
        return Ok(false);
    }
    let mut torture = program::command(built("longwave-torture")?, root);
    torture.arg("--binary").arg(built("longwave")?);
    if let Some(faulty) = faulty {
        torture.arg("--faulty-binary").arg(faulty);
    }
    if args.long {
        torture.args(["--kills", LONG]);
    }
    program::succeeds(torture.args(&args.rest))
}

/// Faults on one node of Cassandra in the short form, and on three.
const SHORT_CLUSTER: [&str; 6] = ["--faults", "10", "--dead", "--faults-on-three", "3", "--outage"];
const LONG_CLUSTER: [&str; 7] = ["--faults", "100", "--dead", "--rolling", "--faults-on-three", "10", "--outage"];

/// Breaks two brokers, two bridges, Redis and Cassandra. Leaves the engines as it found them.
fn cluster(root: &Path, args: &Args) -> Result<bool> {
    let faulty = match args.ci || args.long {
        true => Some(build_faulty(root)?),
        false => None,
    };
    if faulty == Some(None) {
        return Ok(false);
    }
    if !program::build_everything(root)? {
        return Ok(false);
    }
    let form: &[&str] = if args.long {
        &LONG_CLUSTER
    } else if args.ci {
        &SHORT_CLUSTER
    } else {
        &[]
    };
    let wanted = |option: &str| form.contains(&option) || args.rest.iter().any(|given| given == option);
    let three = wanted("--outage") || wanted("--faults-on-three");
    let mut engines = vec!["cassandra", "redis"];
    engines.extend(three.then_some("cassandra-cluster"));
    let services = |action: &str, engines: &[&str]| -> Result<bool> {
        let mut command = program::ourselves(root)?;
        program::succeeds(command.args(["services", action]).args(engines))
    };
    if !services("up", &engines)? {
        return Ok(false);
    }
    let mut torture = program::command(built("longwave-cluster-torture")?, root);
    torture.arg("--binary").arg(built("longwave")?).arg("--xtask").arg(program::our_path()?);
    if let Some(Some(faulty)) = faulty {
        torture.arg("--faulty-binary").arg(faulty);
    }
    let held = program::succeeds(torture.args(form).args(&args.rest))?;
    Ok((!three || services("down", &["cassandra-cluster"])?) && held)
}

/// Builds the server with the planted faults and puts it aside, because the next build takes its
/// place. All packages are selected, so that the crates of others keep their features and are
/// not compiled again.
fn build_faulty(root: &Path) -> Result<Option<PathBuf>> {
    let mut build = program::cargo(root);
    build.args(["build", "--locked", "--workspace", "--bin", "longwave"]);
    build.args(["--features", "longwave/fault-injection"]);
    if !program::succeeds(&mut build)? {
        return Ok(None);
    }
    let server = built("longwave")?;
    let faulty = server.with_file_name("longwave-faulty");
    // Not a hard link, which the next build would write through.
    fs::remove_file(&faulty).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    fs::copy(&server, &faulty).with_context(|| format!("cannot copy {}", server.display()))?;
    Ok(Some(faulty))
}

fn built(name: &str) -> Result<PathBuf> {
    match program::beside_this(name) {
        Some(path) => Ok(path),
        None => bail!("the build made no {name}"),
    }
}
