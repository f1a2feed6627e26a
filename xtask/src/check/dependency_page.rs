//! Every dependency has its row in docs/adr/dependencies.md: what it is for, and why this one.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::{Finding, Outcome};
use crate::tree::Tree;

const PAGE: &str = "docs/adr/dependencies.md";

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let declared = declared(tree.text("Cargo.toml").unwrap_or_default())?;
    if declared.is_empty() {
        return Ok(Outcome::nothing_to_check("the root Cargo.toml declares no dependency of others"));
    }
    let Some(page) = tree.text(PAGE) else {
        return Ok(Outcome::found(vec![Finding::new(PAGE, 1, "is missing")]));
    };
    let rows: Vec<(usize, &str)> = page
        .lines()
        .enumerate()
        .filter_map(|(at, line)| Some((at + 1, line.strip_prefix("| ")?.split_once(" |")?.0)))
        .filter(|(_, name)| *name != "crate")
        .collect();
    let mut findings = Vec::new();
    for name in &declared {
        if rows.iter().all(|(_, row)| row != name) {
            findings.push(Finding::new(PAGE, 1, format!("{name} has no row; say what it is for and why it")));
        }
    }
    for (line, row) in &rows {
        if !declared.contains(*row) {
            findings.push(Finding::new(PAGE, *line, format!("{row} is no dependency any more; remove the row")));
        }
    }
    Ok(Outcome::found(findings).note(format!("{} dependencies", declared.len())))
}

/// The crates of others in `[workspace.dependencies]`.
fn declared(root: &str) -> Result<BTreeSet<String>> {
    let table: Table = toml::from_str(root).context("Cargo.toml is not TOML")?;
    let dependencies = table.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    Ok(dependencies
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.clone())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::{PAGE, check};
    use crate::tree::planted;

    const ROOT: &str = "[workspace.dependencies]\nlongwave-port = { path = \"libs/port\" }\nbytes = \"1\"\n\
        rand = { version = \"0.9\" }\n";

    fn findings(page: &str) -> Vec<String> {
        let (_directory, tree) = planted::tree(&[("Cargo.toml", ROOT), (PAGE, page)]);
        let outcome = check(&tree).unwrap();
        outcome.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_row_for_each_passes() {
        let found = findings("# D\n\n| crate | job |\n|---|---|\n| bytes | a |\n| rand | b |\n");
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn missing_and_surplus_rows_are_found() {
        let found = findings("| crate | job |\n|---|---|\n| bytes | a |\n| chrono | b |\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("rand has no row"));
        assert!(found[1].starts_with("docs/adr/dependencies.md:4: chrono"));
    }

    #[test]
    fn a_missing_page_is_found() {
        let (_directory, tree) = planted::tree(&[("Cargo.toml", ROOT)]);
        assert_eq!(check(&tree).unwrap().findings.len(), 1);
    }
}
