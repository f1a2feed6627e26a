//! `cargo xtask check`: the rules that keep the source readable, one file per rule.
//!
//! A check returns findings and never prints or exits, so that every one is tested on a
//! planted tree. A check that has nothing to look at says so; under `CI` that is a failure,
//! because a rule that silently stopped looking is worse than none.

mod dependency_direction;
mod dependency_page;
mod dependency_place;
mod error_pages;
mod file_header;
mod file_length;
mod file_name;
mod layout;
mod leftovers;
mod links;
mod lint_reasons;
mod log_style;
mod manifests;
mod settings_page;

use std::fmt;

use anyhow::{Result, bail};

use crate::program;
use crate::tree::Tree;

/// What `cargo xtask check` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only these checks, by name, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Leave out the checks that ask the built server.
    #[arg(long)]
    before_build: bool,
}

/// Something that breaks a rule.
#[derive(Debug)]
pub(crate) struct Finding {
    file: String,
    line: usize,
    advice: String,
}

impl Finding {
    /// At a line, counted from 1: what is wrong and what to do about it.
    pub(crate) fn new(file: &str, line: usize, advice: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.advice)
    }
}

/// What one check found.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    findings: Vec<Finding>,
    note: Option<String>,
    nothing_to_check: Option<String>,
}

impl Outcome {
    /// The check looked, and this is what breaks its rule.
    pub(crate) fn found(findings: Vec<Finding>) -> Self {
        Self { findings, ..Self::default() }
    }

    /// Adds a figure worth printing.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The check had nothing to look at, and why.
    pub(crate) fn nothing_to_check(reason: impl Into<String>) -> Self {
        Self { nothing_to_check: Some(reason.into()), ..Self::default() }
    }
}

struct Check {
    name: &'static str,
    run: fn(&Tree) -> Result<Outcome>,
}

const CHECKS: [Check; 13] = [
    Check { name: "layout", run: layout::check },
    Check { name: "file-length", run: file_length::check },
    Check { name: "file-name", run: file_name::check },
    Check { name: "file-header", run: file_header::check },
    Check { name: "dependency-direction", run: dependency_direction::check },
    Check { name: "dependency-place", run: dependency_place::check },
    Check { name: "dependency-page", run: dependency_page::check },
    Check { name: "leftovers", run: leftovers::check },
    Check { name: "lint-reasons", run: lint_reasons::check },
    Check { name: "log-style", run: log_style::check },
    Check { name: "error-pages", run: error_pages::check },
    Check { name: "settings-page", run: settings_page::check },
    Check { name: "links", run: links::check },
];

/// Runs the checks and prints what they found; true if every rule holds.
pub(crate) fn run(tree: &Tree, args: &Args) -> Result<bool> {
    if let Some(unknown) = args.only.iter().find(|name| CHECKS.iter().all(|check| check.name != *name)) {
        let names: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
        bail!("no check is called {unknown}; there are {}", names.join(", "));
    }
    let strict = program::in_ci();
    let mut failed = 0;
    let mut passed = 0;
    for check in &CHECKS {
        if !args.only.is_empty() && !args.only.iter().any(|name| name == check.name) {
            continue;
        }
        if args.before_build && check.name == "settings-page" {
            println!("{}: comes after the build", check.name);
            continue;
        }
        if print(check.name, &(check.run)(tree)?, strict) {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    println!("checks: {passed} passed, {failed} failed");
    Ok(failed == 0)
}

fn print(name: &str, outcome: &Outcome, strict: bool) -> bool {
    for finding in &outcome.findings {
        println!("{name}: {finding}");
    }
    if let Some(note) = &outcome.note {
        println!("{name}: {note}");
    }
    if let Some(reason) = &outcome.nothing_to_check {
        println!("{name}: checked nothing: {reason}");
        return !strict;
    }
    outcome.findings.is_empty()
}
