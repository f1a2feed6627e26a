//! `cargo xtask fuzz`: runs every fuzz target of `fuzz/` for a while.
//!
//! cargo-fuzz without a sanitizer, so that the pinned stable compiler will do: the code under
//! test has no `unsafe`, and a panic, an overflow or a hang is what there is to find. The
//! seeds below `fuzz/seeds/<target>` are read, new findings go below the target directory, so
//! that a run leaves the checkout as it was.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use crate::program;

/// What `cargo xtask fuzz` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The form that CI runs: 15 seconds each.
    #[arg(long)]
    short: bool,
    /// How long each target runs, in seconds.
    #[arg(long, default_value_t = 300, conflicts_with = "short")]
    seconds: u64,
    /// Only these targets, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// Seconds per target in the short form.
const SHORT: u64 = 15;

/// Runs the targets one after another; true if none found anything.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool> {
    let targets = targets(root)?;
    if let Some(unknown) = args.only.iter().find(|name| !targets.contains(name)) {
        bail!("no fuzz target is called {unknown}; there are {}", targets.join(", "));
    }
    let seconds = if args.short { SHORT } else { args.seconds };
    let work = program::target_directory(root).join("fuzz");
    let mut passed = 0;
    let mut failed = Vec::new();
    for target in targets.iter().filter(|name| args.only.is_empty() || args.only.contains(name)) {
        let corpus = work.join("corpus").join(target);
        let findings = work.join("findings").join(target);
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&findings)?;
        let mut fuzz = program::cargo(root);
        fuzz.args(["fuzz", "run", "--fuzz-dir", "fuzz", "--sanitizer", "none"])
            .arg("--target-dir")
            .arg(work.join("build"))
            .arg(target)
            .arg(&corpus);
        let seeds = root.join("fuzz/seeds").join(target);
        if seeds.is_dir() {
            fuzz.arg(&seeds);
        }
        fuzz.arg("--")
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", findings.display()))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        if args.short {
            // The same inputs every time, so that a red run is the fault of the change; the long form explores.
            fuzz.arg("-seed=1");
        }
        println!("fuzz target {target}, {seconds} s");
        if program::succeeds(&mut fuzz)? {
            passed += 1;
        } else {
            println!("{target} found something; the input is in {}", findings.display());
            failed.push(target.as_str());
        }
    }
    println!("fuzz: {passed} passed, {} failed {}", failed.len(), failed.join(" "));
    Ok(failed.is_empty())
}

/// The names of the targets that `fuzz/Cargo.toml` declares.
pub(crate) fn targets(root: &Path) -> Result<Vec<String>> {
    let manifest = root.join("fuzz/Cargo.toml");
    let text = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let table: Table = toml::from_str(&text).context("fuzz/Cargo.toml is not TOML")?;
    let names: Vec<String> = table
        .get("bin")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|bin| bin.get("name").and_then(Value::as_str))
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        bail!("fuzz/Cargo.toml declares no [[bin]]");
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::targets;
    use crate::tree::planted;

    #[test]
    fn targets_come_from_the_manifest() {
        let (directory, _) = planted::tree(&[(
            "fuzz/Cargo.toml",
            "[package]\nname = \"longwave-fuzz\"\n[[bin]]\nname = \"codec\"\npath = \"codec.rs\"\n\
             [[bin]]\nname = \"payload\"\npath = \"payload.rs\"\n",
        )]);
        assert_eq!(targets(directory.path()).unwrap(), ["codec", "payload"]);
    }

    #[test]
    fn no_targets_is_an_error() {
        let (directory, _) = planted::tree(&[("fuzz/Cargo.toml", "[package]\nname = \"f\"\n")]);
        assert!(targets(directory.path()).is_err());
        let (directory, _) = planted::tree(&[]);
        assert!(targets(directory.path()).is_err());
    }
}
