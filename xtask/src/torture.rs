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
    /// At least 200 kills, and the planted faults.
    #[arg(long)]
    long: bool,
    /// Passed on to `longwave-torture` after `--`: `--kills`, `--seed`, `--users` …
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Breaks the server as often as asked; true if every promise held and every fault was seen.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool> {
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
