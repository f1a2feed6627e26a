//! The settings reference names every setting that the server has, and no other table.
//!
//! The server itself is asked (`longwave --print-config`), because only it knows; so this
//! check needs the built binary beside this one. A setting without a default is not printed,
//! which is why a key of the page is only required to stand in a table that exists.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::{Finding, Outcome};
use crate::program;
use crate::tree::Tree;

const PAGE: &str = "docs/reference/settings.md";

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let Some(server) = program::beside_this("longwave") else {
        return Ok(Outcome::nothing_to_check("longwave is not built; run `cargo build` first"));
    };
    let printed =
        program::output(program::command(&server, tree.root()).args(["serve", "--print-config"]).env_clear())?;
    let Some(page) = tree.text(PAGE) else {
        let advice = "is missing; it is the reference of `longwave --print-config`";
        return Ok(Outcome::found(vec![Finding::new(PAGE, 1, advice)]));
    };
    compare(page, &printed)
}

fn compare(page: &str, printed: &str) -> Result<Outcome> {
    let table: Table = toml::from_str(printed).context("`longwave --print-config` printed no TOML")?;
    let mut keys = BTreeSet::new();
    flatten("", &table, &mut keys);
    let documented = documented(page);
    let mut findings: Vec<Finding> = keys
        .iter()
        .filter(|key| documented.iter().all(|(_, name)| name != *key))
        .map(|key| Finding::new(PAGE, 1, format!("the setting `{key}` has no row")))
        .collect();
    for (line, name) in &documented {
        let parent = name.rsplit_once('.').map_or("", |(parent, _)| parent);
        let known = keys.contains(name)
            || keys.iter().any(|key| key.rsplit_once('.').map_or("", |(parent, _)| parent) == parent);
        if !known {
            let advice = format!("the server has no settings table `{parent}`");
            findings.push(Finding::new(PAGE, *line, advice));
        }
    }
    Ok(Outcome::found(findings).note(format!("{} settings", keys.len())))
}

fn flatten(prefix: &str, table: &Table, keys: &mut BTreeSet<String>) {
    for (name, value) in table {
        let key = match prefix {
            "" => name.clone(),
            _ => format!("{prefix}.{name}"),
        };
        match value {
            Value::Table(inner) => flatten(&key, inner, keys),
            _ => {
                keys.insert(key);
            }
        }
    }
}

/// The first cell of every table row that is one name in backticks.
fn documented(page: &str) -> Vec<(usize, String)> {
    page.lines()
        .enumerate()
        .filter_map(|(at, line)| {
            let name = line.trim().strip_prefix("| `")?.split_once("` |").map(|(name, _)| name)?;
            Some((at + 1, name.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::compare;

    const PRINTED: &str = "name = \"a\"\n[listen]\ntcp = \"127.0.0.1:1883\"\n\
        [limits.session]\nin_flight = 64\n";

    fn findings(page: &str) -> Vec<String> {
        let outcome = compare(page, PRINTED).unwrap();
        outcome.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_page_that_agrees_passes() {
        let found = findings(
            "| key | what |\n|---|---|\n| `name` | a |\n| `listen.tcp` | b |\n\
             | `listen.tls` | no default |\n| `limits.session.in_flight` | c |\n",
        );
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn missing_and_invented_settings_are_found() {
        let found = findings("| `name` | a |\n| `listen.tcp` | b |\n| `listener.tls` | b |\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`limits.session.in_flight` has no row"));
        assert!(found[1].starts_with("docs/reference/settings.md:3: "));
    }

    #[test]
    fn what_is_no_toml_is_an_error() {
        assert!(compare("", "error: cannot open").is_err());
    }
}
