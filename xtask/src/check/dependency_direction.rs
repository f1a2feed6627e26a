//! Dependencies between our packages point one way, and some crates are fenced in.
//!
//! The tables below are the code map of ARCHITECTURE.md in a form that fails. They are allow
//! lists: a package or an edge that is not written here is a finding, so that a new edge is a
//! decision somebody sees.

use anyhow::Result;

use super::manifests::{self, Dependency, Kind, Manifest};
use super::{Finding, Outcome};
use crate::tree::Tree;

/// What each package may use of ours, beside itself.
const ALLOWED: [(&str, &[&str]); 27] = [
    ("longwave-model", &[]),
    ("longwave-access", &["model"]),
    ("longwave-settings", &["access"]),
    ("longwave-telemetry", &[]),
    ("longwave-port", &["model"]),
    ("longwave-topics", &["model"]),
    ("longwave-topic-index", &[]),
    ("longwave-envelope", &["model", "topics"]),
    ("longwave-tls", &[]),
    ("longwave-persistence", &["model", "telemetry", "tls"]),
    ("longwave-journal-model", &["model", "persistence"]),
    ("longwave-feed", &["envelope", "model", "persistence", "port", "telemetry", "topics"]),
    ("longwave-broker", &["model", "port", "telemetry", "topic-index"]),
    ("longwave-wake", &["model", "persistence"]),
    ("longwave-bridge", &["envelope", "model", "persistence", "port", "telemetry", "topics", "wake"]),
    ("longwave-link", &["envelope", "model", "port", "tls", "topics"]),
    ("longwave-nodes", &["model", "persistence", "port"]),
    ("longwave-push", &["model", "persistence", "port", "settings", "telemetry", "wake"]),
    (
        "longwave",
        &[
            "access",
            "bridge",
            "broker",
            "envelope",
            "feed",
            "link",
            "model",
            "nodes",
            "persistence",
            "port",
            "push",
            "settings",
            "telemetry",
            "tls",
            "topics",
            "wake",
        ],
    ),
    ("longwave-client", &["envelope", "model", "topics"]),
    ("longwave-testkit", &["envelope", "model", "topics"]),
    ("longwave-benches", &["broker", "model", "persistence", "port", "testkit", "topics"]),
    ("longwave-fuzz", &["bridge", "broker", "envelope", "model", "port", "settings", "topic-index", "topics"]),
    ("longwave-interop", &["model", "testkit"]),
    ("longwave-planted", &["model", "persistence", "testkit"]),
    ("longwave-chart-tests", &[]),
    ("xtask", &[]),
];

/// Packages that any package may use in its tests.
const FOR_TESTS: [&str; 1] = ["longwave-testkit"];

/// Crates of others that only some packages may use outside tests, and what that protects.
const FENCED: [(&str, &[&str], &str); 8] = [
    (
        "rmqtt-codec",
        &["longwave-broker", "longwave-fuzz", "longwave-benches"],
        "the codec hides behind one module of the broker",
    ),
    ("fjall", &["longwave-persistence", "longwave-benches"], "only persistence knows its engines"),
    ("scylla", &["longwave-persistence", "longwave-benches"], "only persistence knows its engines"),
    ("redis", &["longwave-persistence", "longwave-benches"], "only persistence knows its engines"),
    (
        "tokio-tungstenite",
        &["longwave-broker", "longwave-testkit", "longwave-client", "longwave-benches"],
        "only the broker has client sockets",
    ),
    (
        "rustls",
        &[
            "longwave-broker",
            "longwave",
            "longwave-push",
            "longwave-persistence",
            "longwave-link",
            "longwave-client",
            "longwave-link",
            "longwave-tls",
            "longwave-testkit",
            "longwave-benches",
        ],
        "the bridge and the feed know no socket; persistence reaches its engines and the link its brokers over TLS",
    ),
    ("axum", &["longwave", "longwave-push", "longwave-testkit"], "HTTP is served by the binary alone"),
    (
        "anyhow",
        &[
            "longwave",
            "longwave-benches",
            "longwave-testkit",
            "longwave-client",
            "longwave-fuzz",
            "longwave-interop",
            "xtask",
        ],
        "libraries name their errors with thiserror",
    ),
];

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let manifests = manifests::read(tree)?;
    if manifests.is_empty() {
        return Ok(Outcome::nothing_to_check("no Cargo.toml has a [package]"));
    }
    let ours: Vec<&str> = manifests.iter().map(|m| m.package.as_str()).collect();
    let findings = manifests.iter().flat_map(|manifest| of_package(manifest, &ours)).collect();
    Ok(Outcome::found(findings))
}

fn of_package(manifest: &Manifest, ours: &[&str]) -> Vec<Finding> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == manifest.package) else {
        let advice = format!(
            "{} is not in the table of packages; say what it may depend on in \
             xtask/src/check/dependency_direction.rs",
            manifest.package
        );
        return vec![Finding::new(&manifest.file, 1, advice)];
    };
    manifest
        .dependencies
        .iter()
        .filter_map(|dependency| {
            let advice = if ours.contains(&dependency.name.as_str()) {
                wrong_way(manifest, allowed, dependency)
            } else {
                fenced(manifest, dependency)
            }?;
            Some(Finding::new(&manifest.file, dependency.line, advice))
        })
        .collect()
}

fn wrong_way(manifest: &Manifest, allowed: &[&str], dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let short = name.strip_prefix("longwave-").unwrap_or(name);
    let for_tests = dependency.kind == Kind::Dev && FOR_TESTS.contains(&name);
    // A package names itself to switch on a feature for its own tests.
    let itself = dependency.kind == Kind::Dev && name == manifest.package;
    if allowed.contains(&short) || for_tests || itself {
        return None;
    }
    Some(format!(
        "{} may not depend on {name}; move what it needs below both (libs/port, libs/model)",
        manifest.package
    ))
}

fn fenced(manifest: &Manifest, dependency: &Dependency) -> Option<String> {
    if dependency.kind == Kind::Dev {
        return None;
    }
    let (_, allowed, why) = FENCED.iter().find(|(name, ..)| *name == dependency.name)?;
    if allowed.contains(&manifest.package.as_str()) {
        return None;
    }
    Some(format!("{} may not depend on {}: {why}", manifest.package, dependency.name))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::planted;

    fn manifest(package: &str, sections: &str) -> String {
        format!("[package]\nname = \"{package}\"\n{sections}")
    }

    fn findings(manifests: &[(&str, String)]) -> Vec<String> {
        let files: Vec<_> = manifests.iter().map(|(file, text)| (*file, text.as_str())).collect();
        let (_directory, tree) = planted::tree(&files);
        let outcome = check(&tree).unwrap();
        outcome.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_broker_may_not_use_the_bridge() {
        let found = findings(&[
            (
                "broker/Cargo.toml",
                manifest(
                    "longwave-broker",
                    "[dependencies]\nlongwave-port.workspace = true\nlongwave-bridge.workspace = true\n",
                ),
            ),
            ("bridge/Cargo.toml", manifest("longwave-bridge", "")),
            ("libs/port/Cargo.toml", manifest("longwave-port", "")),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("broker/Cargo.toml:5: longwave-broker may not depend on"));
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        let kit = ("libs/testkit/Cargo.toml", manifest("longwave-testkit", ""));
        let with = |section: &str| {
            let port = manifest("longwave-port", &format!("[{section}]\nlongwave-testkit.workspace = true\n"));
            findings(&[kit.clone(), ("libs/port/Cargo.toml", port)])
        };
        assert!(with("dev-dependencies").is_empty());
        assert_eq!(with("dependencies").len(), 1);
        assert_eq!(with("target.'cfg(unix)'.dependencies").len(), 1);
    }

    #[test]
    fn the_engine_stays_inside_persistence() {
        let uses = "[dependencies]\nfjall.workspace = true\n";
        let found = findings(&[
            ("persistence/Cargo.toml", manifest("longwave-persistence", uses)),
            ("bridge/Cargo.toml", manifest("longwave-bridge", uses)),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("bridge/Cargo.toml:4: "));
    }

    #[test]
    fn a_package_nobody_placed_is_a_finding() {
        let found = findings(&[("new/Cargo.toml", manifest("longwave-new", ""))]);
        assert!(found[0].contains("not in the table"), "{found:?}");
    }
}
