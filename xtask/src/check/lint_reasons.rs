//! Who switches a lint off says why.
//!
//! Clippy refuses `unwrap` and `expect` outside tests; this refuses to silence it (or any
//! other lint) without `reason = "…"`. Test code may, because there a panic is the point.

use anyhow::Result;

use super::{Finding, Outcome};
use crate::rust_source::RustSource;
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let mut findings = Vec::new();
    for (file, text) in tree.texts(".rs") {
        let source = RustSource::read(file, text);
        let code = source.code();
        let attributes = ["[allow(", "[expect("]
            .iter()
            .flat_map(|opening| code.match_indices(opening))
            .filter(|(at, _)| code[..*at].ends_with('#') || code[..*at].ends_with("#!"));
        for (at, _) in attributes {
            let end = source.closing(at).unwrap_or(code.len());
            if !source.is_test(at) && !code[at..end].contains("reason =") {
                let advice = "this lint is switched off without a reason; add `reason = \"…\"`, \
                              or mend the code";
                findings.push(Finding::new(file, source.line(at), advice));
            }
        }
    }
    findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(Outcome::found(findings))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::planted;

    fn lines(file: &str, text: &str) -> Vec<usize> {
        let (_directory, tree) = planted::tree(&[(file, text)]);
        let outcome = check(&tree).unwrap();
        outcome.findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn an_exemption_without_a_reason_is_found() {
        let text = "#[allow(clippy::unwrap_used)]\nfn a() {}\n\
            #[expect(\n    clippy::expect_used,\n    reason = \"checked above\"\n)]\nfn b() {}\n\
            #![expect(clippy::panic)]\n// #[allow(x)]\n";
        assert_eq!(lines("src/a.rs", text), [1, 8]);
    }

    #[test]
    fn tests_may_unwrap() {
        let text = "#![cfg_attr(test, allow(clippy::unwrap_used))]\n#[cfg(test)]\nmod tests {\n    \
            #![allow(clippy::unwrap_used)]\n}\n";
        assert!(lines("src/a.rs", text).is_empty());
        assert!(lines("broker/tests/a.rs", "#![allow(clippy::unwrap_used)]\n").is_empty());
    }
}
