//! Nothing unfinished is left behind: no reminders, no stubs, no tests that are switched off.
//!
//! The words are put together from halves, so that this file does not find itself.

use anyhow::Result;

use super::{Finding, Outcome};
use crate::rust_source::{RustSource, is_word};
use crate::tree::Tree;

const REMINDERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

const STUBS: [(&str, &str); 3] = [
    (concat!("to", "do!"), "write it, or leave the function out"),
    (concat!("un", "implemented!"), "write it, or leave the function out"),
    (concat!("#[ig", "nore"), "a test that does not run proves nothing; make it fast and sure, or delete it"),
];

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let mut findings = Vec::new();
    for (file, text) in tree.texts("") {
        for (number, line) in text.lines().enumerate() {
            let reminder =
                REMINDERS.iter().find(|word| line.match_indices(*word).any(|(at, _)| is_word(line, at, word)));
            if let Some(word) = reminder {
                let advice = format!("{word}: do it now, or open an issue and remove the note");
                findings.push(Finding::new(file, number + 1, advice));
            }
        }
    }
    for (file, text) in tree.texts(".rs") {
        let source = RustSource::read(file, text);
        for (stub, advice) in STUBS {
            for (at, _) in source.code().match_indices(stub) {
                let whole = stub.starts_with('#') || is_word(source.code(), at, stub);
                if whole {
                    findings.push(Finding::new(file, source.line(at), format!("{stub}: {advice}")));
                }
            }
        }
    }
    Ok(Outcome::found(findings))
}

#[cfg(test)]
mod tests {
    use super::{REMINDERS, STUBS, check};
    use crate::tree::planted;

    fn lines(file: &str, text: &str) -> Vec<usize> {
        let (_directory, tree) = planted::tree(&[(file, text)]);
        let outcome = check(&tree).unwrap();
        outcome.findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn reminders_are_found_in_every_text() {
        let text = format!("a\n{}: b\nnot{}s\n", REMINDERS[0], REMINDERS[1]);
        assert_eq!(lines("docs/a.md", &text), [2]);
        assert_eq!(lines("interop/run", &text), [2]);
    }

    #[test]
    fn stubs_and_ignored_tests_are_found_in_code_only() {
        let [(first, _), (second, _), (off, _)] = STUBS;
        let text = [
            format!("//! {first}() in prose is fine."),
            format!("fn a() {{ {first}() }}"),
            "#[test]".to_owned(),
            format!("{off} = \"slow\"]"),
            format!("fn b() {{ let _ = \"{second}\"; }}"),
            format!("fn c() {{ {second}() }}"),
        ];
        let text = text.join("\n");
        assert_eq!(lines("a.rs", &text), [2, 6, 4]);
    }
}
