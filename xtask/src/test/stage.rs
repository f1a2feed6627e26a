//! The stages of `cargo xtask test`, in the order in which they run, with their budgets.
//!
//! Quick ones that find most mistakes come first; everything after `build` reuses what it
//! compiled (one profile for all tests), and clippy and rustdoc share their metadata builds.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::tools::{self, Tools};
use super::watch::{self, Seen};
use crate::program;

/// What became of a stage.
pub(super) enum Verdict {
    /// It did its job; what it counted, if anything.
    Passed(String),
    /// What is wrong, in one line, and below it what the program said about it.
    Failed(String),
    /// It did not run, and why.
    Skipped(String),
}

/// One step of the test command.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) job: &'static str,
    pub(super) budget: Duration,
    work: fn(&Path, &Stage) -> Result<Verdict>,
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

pub(super) const STAGES: [Stage; 13] = [
    Stage {
        name: "fmt",
        job: "the source is formatted",
        budget: minutes(1),
        work: |root, stage| {
            let mut fmt = program::cargo(root);
            fmt.args(["fmt", "--all", "--check"]);
            watched(stage, &mut fmt)
        },
    },
    Stage {
        name: "check",
        job: "the rules of the house hold (those that need no build)",
        budget: minutes(1),
        work: |root, stage| watched(stage, &mut ourselves(root, &["check", "--before-build"])?),
    },
    Stage {
        name: "tools",
        job: "the programs that later stages start are there",
        budget: minutes(3),
        work: |root, _| {
            let missing = tools::install(root);
            Ok(match missing.as_slice() {
                [] => Verdict::Passed("all there".to_owned()),
                _ => Verdict::Failed(missing.join("; ")),
            })
        },
    },
    Stage {
        name: "build",
        job: "everything compiles, tests and benches included",
        budget: minutes(14),
        work: |root, stage| {
            let mut build = program::cargo(root);
            build.args(["build", "--locked", "--workspace", "--all-targets"]);
            watched(stage, &mut build)
        },
    },
    Stage {
        name: "clippy",
        job: "no lint fires",
        budget: minutes(3),
        work: |root, stage| {
            let mut clippy = program::cargo(root);
            clippy.args(["clippy", "--locked", "--workspace", "--all-targets"]).args(["--", "-D", "warnings"]);
            watched(stage, &mut clippy)
        },
    },
    Stage {
        name: "services",
        job: "the engines that tests run against answer",
        budget: minutes(2),
        work: |root, stage| {
            let cassandra = ["cassandra", "cassandra-secure"];
            let redis = ["redis", "redis-cluster", "redis-sentinel", "redis-secure", "redis-secure-cluster"];
            let mut up = ourselves(root, &["services", "up"])?;
            watched(stage, up.args(cassandra).args(redis))
        },
    },
    Stage { name: "unit", job: "unit, property, contract and documentation tests", budget: minutes(8), work: unit },
    Stage {
        name: "docs",
        job: "the API documentation builds, and the pages match the binary",
        budget: minutes(2),
        work: docs,
    },
    Stage {
        name: "deny",
        job: "licences, sources and banned crates of the dependency tree",
        budget: minutes(1),
        work: |root, stage| {
            let deny = Tools::of(root).need(root, "cargo-deny")?;
            let mut deny = program::command(deny, root);
            deny.args(["--all-features", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
            watched(stage, &mut deny)
        },
    },
    Stage {
        name: "fuzz",
        job: "every fuzz target for a few seconds",
        budget: minutes(3),
        work: |root, stage| {
            if let Some(missing) = absent(root, "fuzz/Cargo.toml") {
                return Ok(missing);
            }
            let mut fuzz = ourselves(root, &["fuzz", "--short"])?;
            let tools = Tools::of(root);
            tools.need(root, "cargo-fuzz")?;
            tools.put_on_path(&mut fuzz);
            watched(stage, &mut fuzz)
        },
    },
    Stage {
        name: "interop",
        job: "MQTT clients of others against the built server",
        budget: minutes(4),
        work: |root, stage| {
            if let Some(missing) = absent(root, "interop/run") {
                return Ok(missing);
            }
            watched(stage, &mut ourselves(root, &["interop"])?)
        },
    },
    Stage {
        name: "torture",
        job: "kills and cuts under load; nothing acknowledged is lost",
        budget: minutes(6),
        work: |root, stage| watched(stage, &mut ourselves(root, &["torture", "--ci"])?),
    },
    Stage {
        name: "cluster",
        job: "brokers, bridges and the engines below them are killed, frozen and cut off; nothing acknowledged is lost",
        budget: minutes(12),
        work: |root, stage| watched(stage, &mut ourselves(root, &["torture", "--cluster", "--ci"])?),
    },
];

impl Stage {
    /// Runs the stage; an error to start something is a failure like any other.
    pub(super) fn run(&self, root: &Path) -> Verdict {
        (self.work)(root, self).unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")))
    }
}

/// Failed tests that are run once more; when more fail, they do not do so by chance.
const RUN_AGAIN: usize = 3;

/// Unit tests, and no test among them that is switched off.
fn unit(root: &Path, stage: &Stage) -> Result<Verdict> {
    let mut test = program::cargo(root);
    test.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
    let seen = watch::run(&mut test, stage.budget)?;
    let (passed, ignored) = (seen.passed, seen.ignored);
    let failed = seen.said.failed_tests();
    if seen.failure.is_some() && ignored == 0 && seen.failed == failed.len() as u64 && failed.len() <= RUN_AGAIN {
        return again(root, stage, seen, &failed);
    }
    Ok(match verdict(seen) {
        Verdict::Passed(_) if ignored > 0 => Verdict::Failed(format!("{ignored} tests are switched off")),
        Verdict::Passed(_) if passed == 0 => Verdict::Failed("no test ran".to_owned()),
        other => other,
    })
}

/// Runs the few tests that failed once more, alone. One that passes then is no reason to turn a change away, but a fault in itself or in what it
/// tests: the summary names it, with what it said the first time.
fn again(root: &Path, stage: &Stage, seen: Seen, failed: &[String]) -> Result<Verdict> {
    if failed.is_empty() {
        return Ok(verdict(seen));
    }
    println!("\nrunning again what failed: {}", failed.join(", "));
    let mut test = program::cargo(root);
    test.args(["test", "--locked", "--workspace", "--no-fail-fast", "--", "--exact"]).args(failed);
    let second = watch::run(&mut test, stage.budget)?;
    let passed_now = second.failure.is_none() && second.passed >= failed.len() as u64;
    let first = verdict(seen);
    Ok(match first {
        Verdict::Failed(text) if passed_now => Verdict::Passed(format!("UNSTEADY, passed when run again: {text}")),
        other => other,
    })
}

fn docs(root: &Path, stage: &Stage) -> Result<Verdict> {
    let mut check = ourselves(root, &["check", "--only", "settings-page"])?;
    if let failed @ Verdict::Failed(_) = watched(stage, &mut check)? {
        return Ok(failed);
    }
    let mut doc = program::cargo(root);
    doc.args(["doc", "--locked", "--workspace", "--no-deps"])
        .arg("--document-private-items")
        .env("RUSTDOCFLAGS", "-D warnings");
    watched(stage, &mut doc)
}

/// This program again, so that a stage is exactly the command that a person would type.
fn ourselves(root: &Path, args: &[&str]) -> Result<Command> {
    let mut command = program::ourselves(root)?;
    command.args(args);
    Ok(command)
}

fn absent(root: &Path, file: &str) -> Option<Verdict> {
    (!root.join(file).is_file()).then(|| Verdict::Skipped(format!("there is no {file}")))
}

fn watched(stage: &Stage, command: &mut Command) -> Result<Verdict> {
    Ok(verdict(watch::run(command, stage.budget)?))
}

fn verdict(seen: Seen) -> Verdict {
    let tests = match seen.passed + seen.failed {
        0 => String::new(),
        _ => format!("{} tests passed, {} failed", seen.passed, seen.failed),
    };
    let Some(mut text) = seen.failure else {
        return Verdict::Passed(tests);
    };
    if !tests.is_empty() {
        text.push_str(&format!("; {tests}"));
    }
    for line in seen.said.about_failures() {
        text.push_str(&format!("\n    {line}"));
    }
    Verdict::Failed(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{STAGES, Verdict, verdict};
    use crate::test::watch::Seen;

    #[test]
    fn the_budgets_leave_a_ci_machine_inside_an_hour() {
        let sum: Duration = STAGES.iter().map(|stage| stage.budget).sum();
        assert!(sum <= Duration::from_secs(60 * 60), "{sum:?}");
    }

    #[test]
    fn a_failure_keeps_its_counts() {
        let failure = Some("exit status: 101".to_owned());
        let mut seen = Seen { passed: 3, failed: 1, failure, ..Seen::default() };
        seen.said.line("---- a::b stdout ----");
        let Verdict::Failed(text) = verdict(seen) else {
            panic!("a failed program is no pass");
        };
        assert_eq!(text, "exit status: 101; 3 tests passed, 1 failed\n    ---- a::b stdout ----");
    }
}
