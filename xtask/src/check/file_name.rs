//! A file's name says its job: names that could hold anything are refused.

use anyhow::Result;

use super::{Finding, Outcome};
use crate::tree::Tree;

const VAGUE: [&str; 11] =
    ["util", "utils", "utility", "utilities", "common", "type", "types", "helper", "helpers", "misc", "stuff"];

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let mut findings = Vec::new();
    for (file, _) in tree.texts(".rs") {
        let mut levels = file.split('/');
        let name = levels.next_back().unwrap_or(file);
        if name == "mod.rs" {
            let advice = "no mod.rs: move it beside its directory, as `<directory>.rs`";
            findings.push(Finding::new(file, 1, advice));
        }
        let stem = name.strip_suffix(".rs").unwrap_or(name);
        if let Some(vague) = levels.chain([stem]).find(|level| VAGUE.contains(level)) {
            let advice = format!("`{vague}` says no job; name the one thing that the code is for");
            findings.push(Finding::new(file, 1, advice));
        }
    }
    Ok(Outcome::found(findings))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::planted;

    #[test]
    fn vague_files_directories_and_mod_rs_are_found() {
        let (_directory, tree) = planted::tree(&[
            ("broker/src/utils.rs", ""),
            ("broker/src/common/ids.rs", ""),
            ("broker/src/session/mod.rs", ""),
            ("broker/src/session.rs", ""),
            ("docs/common.md", ""),
        ]);
        let found = check(&tree).unwrap().findings;
        let files: Vec<_> = found.iter().map(|finding| finding.file.as_str()).collect();
        assert_eq!(files, ["broker/src/common/ids.rs", "broker/src/session/mod.rs", "broker/src/utils.rs"]);
    }
}
