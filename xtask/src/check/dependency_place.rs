//! Versions are chosen in one place: `[workspace.dependencies]` of the root manifest.
//!
//! Packages that are workspaces of their own (fuzz targets are, because they are built with
//! other flags) cannot inherit, and are left alone. A dependency that no package uses is a
//! finding as well, or the one place fills with names that nobody can explain.

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::manifests;
use super::{Finding, Outcome};
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let Some(root) = tree.text("Cargo.toml") else {
        return Ok(Outcome::nothing_to_check("there is no root Cargo.toml"));
    };
    let root_table: Table = toml::from_str(root).context("Cargo.toml is not TOML")?;
    let declared: Vec<&String> = root_table
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(Value::as_table)
        .map(|table| table.keys().collect())
        .unwrap_or_default();
    let manifests = manifests::read(tree)?;
    let mut findings = Vec::new();
    for manifest in manifests.iter().filter(|manifest| manifest.is_member) {
        for dependency in &manifest.dependencies {
            if !dependency.from_workspace && dependency.name != manifest.package {
                let advice = format!(
                    "declare {0} in [workspace.dependencies] and write `{0}.workspace = true`",
                    dependency.name
                );
                findings.push(Finding::new(&manifest.file, dependency.line, advice));
            }
        }
    }
    for name in declared {
        let used =
            manifests.iter().flat_map(|manifest| &manifest.dependencies).any(|dependency| dependency.name == *name);
        if !used {
            let line = root.lines().position(|line| line.starts_with(&format!("{name} ="))).map_or(1, |at| at + 1);
            let advice = format!("no package uses {name}; remove it");
            findings.push(Finding::new("Cargo.toml", line, advice));
        }
    }
    Ok(Outcome::found(findings))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::planted;

    const ROOT: &str = "[workspace.dependencies]\nbytes = \"1\"\nrand = \"0.9\"\n";

    #[test]
    fn versions_outside_the_root_are_found() {
        let (_directory, tree) = planted::tree(&[
            ("Cargo.toml", ROOT),
            (
                "broker/Cargo.toml",
                "[package]\nname = \"longwave-broker\"\n[dependencies]\nbytes = \"1\"\nrand = { workspace = true }\n\
                 [dev-dependencies]\nlongwave-broker = { path = \".\" }\n",
            ),
            ("fuzz/Cargo.toml", "[workspace]\n[package]\nname = \"longwave-fuzz\"\n[dependencies]\nbytes = \"1\"\n"),
        ]);
        let found = check(&tree).unwrap().findings;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_string().starts_with("broker/Cargo.toml:4: "));
    }

    #[test]
    fn a_dependency_nobody_uses_is_found() {
        let (_directory, tree) = planted::tree(&[
            ("Cargo.toml", ROOT),
            ("broker/Cargo.toml", "[package]\nname = \"longwave-broker\"\n[dependencies]\nbytes.workspace = true\n"),
        ]);
        let found = check(&tree).unwrap().findings;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].to_string(), "Cargo.toml:3: no package uses rand; remove it");
    }
}
