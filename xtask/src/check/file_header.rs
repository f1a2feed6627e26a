//! Every source file opens with a `//!` comment that tells its job.

use anyhow::Result;

use super::{Finding, Outcome};
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let findings = tree
        .texts(".rs")
        .filter(|(_, text)| {
            let header = text.lines().next().and_then(|line| line.strip_prefix("//!"));
            header.is_none_or(|header| header.trim().is_empty())
        })
        .map(|(file, _)| {
            let advice = "the first line must be `//!` and tell the file's one job";
            Finding::new(file, 1, advice)
        })
        .collect();
    Ok(Outcome::found(findings))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::planted;

    #[test]
    fn a_file_without_a_header_is_found() {
        let (_directory, tree) = planted::tree(&[
            ("a.rs", "//! Counts sheep.\nfn a() {}\n"),
            ("b.rs", "fn b() {}\n//! Too late.\n"),
            ("c.rs", "//!\nfn c() {}\n"),
            ("d.rs", ""),
        ]);
        let found = check(&tree).unwrap().findings;
        let files: Vec<_> = found.iter().map(|finding| finding.file.as_str()).collect();
        assert_eq!(files, ["b.rs", "c.rs", "d.rs"]);
    }
}
