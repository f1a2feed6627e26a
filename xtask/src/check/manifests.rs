//! The `Cargo.toml` files of the workspace, as the dependency checks need them.

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::tree::Tree;

/// One package of ours.
pub(crate) struct Manifest {
    pub(crate) file: String,
    pub(crate) package: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// Whether it belongs to the root workspace, not to one of its own.
    pub(crate) is_member: bool,
}

/// One line of a dependency section.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) from_workspace: bool,
    pub(crate) line: usize,
}

/// Which section a dependency stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// Every package of the tree.
pub(crate) fn read(tree: &Tree) -> Result<Vec<Manifest>> {
    let mut manifests = Vec::new();
    for (file, text) in tree.texts("/Cargo.toml") {
        let table: Table = toml::from_str(text).with_context(|| format!("{file} is not TOML"))?;
        let Some(package) = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str) else {
            continue;
        };
        let mut dependencies = Vec::new();
        collect(&table, text, &mut dependencies);
        for target in table
            .get("target")
            .and_then(Value::as_table)
            .into_iter()
            .flat_map(Table::values)
            .filter_map(Value::as_table)
        {
            collect(target, text, &mut dependencies);
        }
        manifests.push(Manifest {
            file: file.to_owned(),
            package: package.to_owned(),
            dependencies,
            is_member: !table.contains_key("workspace"),
        });
    }
    Ok(manifests)
}

fn collect(table: &Table, text: &str, dependencies: &mut Vec<Dependency>) {
    for (section, kind) in
        [("dependencies", Kind::Normal), ("build-dependencies", Kind::Build), ("dev-dependencies", Kind::Dev)]
    {
        let Some(section) = table.get(section).and_then(Value::as_table) else {
            continue;
        };
        for (name, value) in section {
            dependencies.push(Dependency {
                name: name.clone(),
                kind,
                from_workspace: value.get("workspace").and_then(Value::as_bool) == Some(true),
                line: line_of(text, name),
            });
        }
    }
}

/// The first line that declares `name`; the parsed table has no positions.
fn line_of(text: &str, name: &str) -> usize {
    let declares = |line: &str| {
        line.trim_start()
            .trim_start_matches('"')
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([' ', '.', '=', '"']))
    };
    text.lines().position(declares).map_or(1, |at| at + 1)
}
