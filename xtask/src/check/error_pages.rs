//! Every error number has a page, and every page is about a number that exists.
//!
//! A refusal carries only the number, so the page is the message.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Finding, Outcome};
use crate::rust_source::RustSource;
use crate::tree::Tree;

const CODES: &str = "libs/model/src/error_code.rs";
const PAGES: &str = "docs/errors/";
const INDEX: &str = "docs/errors/README.md";

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let Some(text) = tree.text(CODES) else {
        return Ok(Outcome::nothing_to_check(format!("there is no {CODES}")));
    };
    let codes = numbers(text);
    if codes.is_empty() {
        let advice = "no line of the form `Name = 1001,`";
        return Ok(Outcome::found(vec![Finding::new(CODES, 1, advice)]));
    }
    let mut findings = Vec::new();
    for (number, line) in &codes {
        let page = format!("{PAGES}{number}.md");
        match tree.text(&page) {
            None => {
                let advice = format!("error {number} has no page; write {page}");
                findings.push(Finding::new(CODES, *line, advice));
            }
            Some(text) => {
                let title = text.lines().next().unwrap_or_default();
                if !title.starts_with("# ") || !title.contains(&number.to_string()) {
                    let advice = format!("the first line must be a heading with {number} in it");
                    findings.push(Finding::new(&page, 1, advice));
                }
            }
        }
        let listed = tree.text(INDEX).is_none_or(|index| index.contains(&format!("{number}.md")));
        if !listed {
            findings.push(Finding::new(INDEX, 1, format!("does not list {number}.md")));
        }
    }
    for file in tree.files() {
        let Some(name) = file.strip_prefix(PAGES).filter(|_| file != INDEX) else {
            continue;
        };
        let number = name.strip_suffix(".md").and_then(|stem| stem.parse().ok());
        if !number.is_some_and(|number: u32| codes.contains_key(&number)) {
            let advice = format!("no variant of ErrorCode has this number; see {CODES}");
            findings.push(Finding::new(file, 1, advice));
        }
    }
    let note = format!("{} numbers", codes.len());
    Ok(Outcome::found(findings).note(note))
}

/// The numbers with their lines: what reads `Name = 1001,` in the code, whether it stands in
/// the enum or in the macro call that makes it.
fn numbers(text: &str) -> BTreeMap<u32, usize> {
    let source = RustSource::read(CODES, text);
    let mut numbers = BTreeMap::new();
    let mut offset = 0;
    for line in source.code().lines() {
        if let Some(number) = number(line).filter(|_| !source.is_test(offset)) {
            numbers.insert(number, source.line(offset));
        }
        offset += line.len() + 1;
    }
    numbers
}

fn number(line: &str) -> Option<u32> {
    let (name, value) = line.trim().split_once(" = ")?;
    let (value, _) = value.split_once(',')?;
    let is_variant =
        name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric());
    is_variant.then(|| value.replace('_', "").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{CODES, INDEX, check};
    use crate::tree::planted;

    const ENUM: &str = "//! Codes.\n/// What = 99, really.\nmacro! {}\npub enum ErrorCode {\n    \
        /// Not a member.\n    NotAMember = 1001, \"not-a-member\";\n    Full = 1_002,\n}\nconst X: u8 = 3;\n";

    fn findings(pages: &[(&str, &str)]) -> Vec<String> {
        let mut files = vec![(CODES, ENUM)];
        files.extend(pages);
        let (_directory, tree) = planted::tree(&files);
        let outcome = check(&tree).unwrap();
        outcome.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn code_and_pages_that_agree_pass() {
        let found = findings(&[
            ("docs/errors/1001.md", "# 1001: not a member\n"),
            ("docs/errors/1002.md", "# 1002: full\n"),
            (INDEX, "[1001](1001.md) [1002](1002.md)\n"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn missing_surplus_and_mistitled_pages_are_found() {
        let found = findings(&[("docs/errors/1001.md", "# Not a member\n"), ("docs/errors/1003.md", "# 1003\n")]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("docs/errors/1001.md:1: the first line"));
        assert!(found[1].starts_with("libs/model/src/error_code.rs:7: error 1002 has no page"));
        assert!(found[2].starts_with("docs/errors/1003.md:1: no variant"));
    }

    #[test]
    fn a_number_missing_from_the_index_is_found() {
        let found = findings(&[
            ("docs/errors/1001.md", "# 1001\n"),
            ("docs/errors/1002.md", "# 1002\n"),
            (INDEX, "[1001](1001.md)\n"),
        ]);
        assert_eq!(found, ["docs/errors/README.md:1: does not list 1002.md"]);
    }

    #[test]
    fn no_enum_is_not_a_pass() {
        let (_directory, tree) = planted::tree(&[(CODES, "//! Codes.\n")]);
        assert_eq!(check(&tree).unwrap().findings.len(), 1);
        let (_directory, tree) = planted::tree(&[("a.rs", "")]);
        assert!(check(&tree).unwrap().nothing_to_check.is_some());
    }
}
