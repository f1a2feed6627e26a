//! Settings as text: the reference page, and `--print-config`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::sections::Settings;

/// Settings as TOML, as `--print-config` shows them.
///
/// # Errors
/// When a value has no form in TOML, which none of ours lacks.
pub fn to_toml(settings: &Settings) -> Result<String, toml::ser::Error> {
    toml::to_string_pretty(settings)
}

/// The defaults as TOML.
///
/// # Errors
/// As [`to_toml`].
pub fn default_toml() -> Result<String, toml::ser::Error> {
    to_toml(&Settings::default())
}

/// The page `docs/reference/settings.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let schema = schemars::schema_for!(Settings).to_value();
    let defaults = serde_json::to_value(Settings::default()).unwrap_or(Value::Null);
    let mut page = String::from(
        "# Settings\n\n\
         From weakest to strongest: defaults, the file of `--config FILE` (TOML), environment variables\n\
         (`LONGWAVE_LIMITS__IN_FLIGHT=50` sets `limits.in_flight`), `--set limits.in_flight=50`.\n\
         `longwave serve --check-config` checks them, `longwave serve --print-config` shows what is in force.\n\
         This page is made from the code by `cargo run -p longwave -- settings-reference`.\n",
    );
    for (section, property) in properties(&schema) {
        let table = resolve(&schema, property);
        let _ = write!(page, "\n## `[{section}]`\n\n{}\n", description(property, table));
        write_rows(&mut page, &schema, section, table, &defaults[section]);
    }
    page
}

fn write_rows(page: &mut String, schema: &Value, path: &str, table: &Value, defaults: &Value) {
    page.push_str("\n| key | default | meaning |\n|---|---|---|\n");
    let mut nested = Vec::new();
    for (key, property) in properties(table) {
        let target = resolve(schema, property);
        let path = format!("{}.{key}", path.trim_matches(['[', ']']));
        let meaning = description(property, target).replace('\n', " ");
        let choices = choices(target);
        let required = table["required"].as_array().is_some_and(|keys| keys.iter().any(|required| required == key));
        let default = match &defaults[key] {
            // Of a table that is absent, the key's own default.
            Value::Null => &property["default"],
            value => value,
        };
        let default = match default {
            Value::Null if required => "required".to_owned(),
            Value::Null => "absent".to_owned(),
            value => format!("`{value}`"),
        };
        let _ = writeln!(page, "| `{path}` | {default} | {meaning}{choices} |");
        if target.get("properties").is_some() {
            nested.push((path, target, &defaults[key]));
        } else if resolve(schema, &property["items"]).get("properties").is_some() {
            nested.push((format!("[{path}]"), resolve(schema, &property["items"]), &Value::Null));
        }
    }
    for (path, table, defaults) in nested {
        let _ = write!(page, "\n### `[{path}]`\n\n{}\n", table["description"].as_str().unwrap_or(""));
        write_rows(page, schema, &path, table, defaults);
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    schema["properties"].as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// Follows `$ref`, also through `anyOf [.., null]` of an option.
fn resolve<'a>(root: &'a Value, property: &'a Value) -> &'a Value {
    let reference = property["$ref"]
        .as_str()
        .or_else(|| property["anyOf"].as_array().into_iter().flatten().find_map(|choice| choice["$ref"].as_str()));
    match reference.and_then(|path| root.pointer(path.trim_start_matches('#'))) {
        Some(target) => target,
        None => property,
    }
}

fn description<'a>(property: &'a Value, target: &'a Value) -> &'a str {
    property["description"].as_str().or_else(|| target["description"].as_str()).unwrap_or("")
}

fn choices(target: &Value) -> String {
    let mut names: Vec<&str> =
        target["oneOf"].as_array().into_iter().flatten().filter_map(|choice| choice["const"].as_str()).collect();
    names.extend(target["enum"].as_array().into_iter().flatten().filter_map(Value::as_str));
    if names.is_empty() { String::new() } else { format!(" One of `{}`.", names.join("`, `")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_defaults_can_be_read_back() {
        let text = default_toml().unwrap();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), Settings::default());
    }

    #[test]
    fn every_key_has_a_meaning() {
        let page = reference_markdown();
        assert!(page.contains("| `limits.in_flight` | `100` |"), "{page}");
        assert!(page.contains("`auth.jwt.key_file`"), "{page}");
        assert!(page.contains("One of `anyone`, `shared_group`, `nobody_new`"), "{page}");
        assert!(!page.lines().any(|line| line.ends_with("|  |")), "{page}");
    }

    #[test]
    fn the_reference_page_is_this_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/settings.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert!(
            page == reference_markdown(),
            "docs/reference/settings.md is stale: cargo run -p longwave -- settings-reference > docs/reference/settings.md"
        );
    }
}
