//! The settings reference is what the server itself prints.
//!
//! The built server is asked (`longwave settings-reference`), because the page is made from the
//! doc comments of its settings; so this check needs the binary that lies beside this one.

use anyhow::Result;

use super::{Finding, Outcome};
use crate::program;
use crate::tree::Tree;

const PAGE: &str = "docs/reference/settings.md";

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let Some(server) = program::beside_this("longwave") else {
        return Ok(Outcome::nothing_to_check("longwave is not built; run `cargo build` first"));
    };
    let printed = program::output(program::command(&server, tree.root()).arg("settings-reference"))?;
    Ok(compare(tree.text(PAGE).unwrap_or_default(), &printed))
}

fn compare(page: &str, printed: &str) -> Outcome {
    let settings = printed.lines().filter(|line| line.starts_with("| `")).count();
    if settings == 0 {
        let advice = "`longwave settings-reference` printed no setting";
        return Outcome::found(vec![Finding::new(PAGE, 1, advice)]);
    }
    let mut findings = Vec::new();
    if page != printed {
        let same = page.lines().zip(printed.lines()).take_while(|(page, printed)| page == printed).count();
        let should = printed.lines().nth(same).unwrap_or("the end of the page");
        let advice = format!(
            "differs from the code, which says `{should}`; run \
             `cargo run -p longwave -- settings-reference > {PAGE}`"
        );
        findings.push(Finding::new(PAGE, same + 1, advice));
    }
    Outcome::found(findings).note(format!("{settings} settings"))
}

#[cfg(test)]
mod tests {
    use super::compare;

    const PRINTED: &str = "# Settings\n\n| key | meaning |\n|---|---|\n| `a.b` | one |\n| `a.c` | two |\n";

    #[test]
    fn the_same_page_passes() {
        let outcome = compare(PRINTED, PRINTED);
        assert!(outcome.findings.is_empty());
        assert_eq!(outcome.note.as_deref(), Some("2 settings"));
    }

    #[test]
    fn the_first_difference_is_shown() {
        let stale = PRINTED.replace("two", "three");
        let found = compare(&stale, PRINTED).findings;
        assert_eq!(found.len(), 1);
        let text = found[0].to_string();
        assert!(text.starts_with("docs/reference/settings.md:6: "), "{text}");
        assert!(text.contains("`| `a.c` | two |`"), "{text}");
    }

    #[test]
    fn a_missing_or_cut_page_is_found() {
        assert_eq!(compare("", PRINTED).findings[0].line, 1);
        let cut = PRINTED.replace("| `a.c` | two |\n", "");
        assert_eq!(compare(&cut, PRINTED).findings[0].line, 6);
    }

    #[test]
    fn a_server_that_prints_nothing_is_no_pass() {
        assert_eq!(compare("", "").findings.len(), 1);
    }
}
