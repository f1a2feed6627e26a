//! The top level of the repository holds only what ARCHITECTURE.md's code map names.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Finding, Outcome};
use crate::tree::Tree;

const DIRECTORIES: [&str; 16] = [
    ".cargo",
    ".ci",
    ".github",
    "benches",
    "bridge",
    "broker",
    "charts",
    "client",
    "docs",
    "fuzz",
    "interop",
    "libs",
    "longwave",
    "persistence",
    "push",
    "xtask",
];

const FILES: [&str; 16] = [
    // A directory, but in a second work tree a file.
    ".git",
    ".dockerignore",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "mqtt-topics.md",
    "rustfmt.toml",
];

const REQUIRED: [&str; 9] = [
    ".ci/run",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "deny.toml",
    "mqtt-topics.md",
];

/// The library packages, flat below `libs/`, each with one job.
const LIBRARIES: [&str; 14] = [
    "access",
    "envelope",
    "feed",
    "journal-model",
    "link",
    "model",
    "nodes",
    "port",
    "settings",
    "telemetry",
    "testkit",
    "tls",
    "topics",
    "wake",
];

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for file in tree.files() {
        let mut levels = file.split('/');
        let (top, second) = (levels.next().unwrap_or(file), levels.next());
        let advice = match second {
            None if FILES.contains(&top) => None,
            None => Some(format!("`{top}` has no place at the top level")),
            Some(_) if !DIRECTORIES.contains(&top) => {
                Some(format!("`{top}/` is no directory of the layout; put it where its job belongs"))
            }
            Some(library) if top == "libs" && !LIBRARIES.contains(&library) => {
                Some(format!("`libs/{library}` is no library of the layout; give it a job and a place first"))
            }
            Some(_) => None,
        };
        let place = match second {
            Some(library) if top == "libs" => format!("libs/{library}"),
            _ => top.to_owned(),
        };
        if let Some(advice) = advice.filter(|_| seen.insert(place)) {
            findings.push(Finding::new(file, 1, advice));
        }
    }
    for required in REQUIRED.iter().filter(|file| !tree.contains(file)) {
        findings.push(Finding::new(required, 1, "is missing"));
    }
    Ok(Outcome::found(findings))
}

#[cfg(test)]
mod tests {
    use super::{REQUIRED, check};
    use crate::tree::planted;

    fn findings(more: &[&str]) -> Vec<String> {
        let files: Vec<_> = REQUIRED.iter().chain(more).map(|file| (*file, "")).collect();
        let outcome = check(&planted::tree(&files).1).unwrap();
        outcome.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_the_layout_names_is_accepted() {
        assert!(findings(&["broker/src/lib.rs", "libs/port/src/lib.rs"]).is_empty());
    }

    #[test]
    fn strangers_are_found_once_each() {
        let found = findings(&["scripts/a.sh", "scripts/b.sh", "notes.txt", "libs/extras/src/lib.rs"]);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_missing_licence_is_found() {
        let (_directory, tree) = planted::tree(&[("README.md", "")]);
        let found = check(&tree).unwrap().findings;
        assert_eq!(found.len(), REQUIRED.len() - 1);
    }
}
