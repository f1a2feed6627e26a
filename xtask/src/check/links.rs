//! Relative links in Markdown lead somewhere, down to the heading.
//!
//! Links to other sites are not followed: a test must not need them.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Finding, Outcome};
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let mut findings = Vec::new();
    let mut links = 0_usize;
    for (file, text) in tree.texts(".md") {
        for (line, target) in targets(text) {
            links += 1;
            if let Some(advice) = broken(tree, file, &target) {
                findings.push(Finding::new(file, line, advice));
            }
        }
    }
    Ok(Outcome::found(findings).note(format!("{links} links")))
}

fn broken(tree: &Tree, file: &str, target: &str) -> Option<String> {
    let elsewhere = ["http://", "https://", "mailto:"];
    if elsewhere.iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (path, heading) = match target.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (target, None),
    };
    let resolved = match path {
        "" => file.to_owned(),
        _ => match resolve(file, path) {
            Some(resolved) => resolved,
            None => return Some(format!("`{target}` leaves the repository; link inside it")),
        },
    };
    if !tree.contains(&resolved) {
        return Some(format!("`{target}` leads nowhere; there is no {resolved}"));
    }
    let text = tree.text(&resolved).filter(|_| resolved.ends_with(".md"))?;
    let heading = heading.filter(|heading| !headings(text).contains(*heading))?;
    Some(format!("{resolved} has no heading #{heading}"))
}

/// The path that `link` in `file` means, relative to the root.
fn resolve(file: &str, link: &str) -> Option<String> {
    if link.starts_with('/') {
        return None;
    }
    let mut levels: Vec<&str> = file.split('/').collect();
    levels.pop();
    for level in link.split('/') {
        match level {
            "" | "." => {}
            ".." => {
                levels.pop()?;
            }
            name => levels.push(name),
        }
    }
    Some(levels.join("/"))
}

/// The lines outside fenced code, with inline code removed, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        if fence {
            fenced = !fenced;
        }
        let outside: Vec<&str> = line.split('`').step_by(2).collect();
        (!fenced && !fence).then(|| (at + 1, outside.join("")))
    })
}

/// Every link target with its line.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let inline = line.match_indices("](").filter_map(|(at, _)| line[at + 2..].split(')').next());
        let reference = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
        for target in inline.chain(reference) {
            let target = target.split_whitespace().next().unwrap_or_default();
            let target = target.trim_matches(['<', '>']);
            found.push((number, target.to_owned()));
        }
    }
    found
}

/// The anchors that Markdown hosts give the headings of a page.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let slug: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let mut anchor = slug.clone();
        let mut count = 0_usize;
        while !anchors.insert(anchor) {
            count += 1;
            anchor = format!("{slug}-{count}");
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::planted;

    #[test]
    fn links_that_lead_somewhere_pass() {
        let (_directory, tree) = planted::tree(&[
            (
                "docs/a.md",
                "# A `b` & C\n[x](b.md) [y](../README.md#two-words-1) [z](#a-b--c) [d](adr)\n\
                 [e](https://example.com/x) `[f](none.md)` [g][h]\n```\n[i](none.md)\n```\n[h]: b.md\n",
            ),
            ("docs/b.md", ""),
            ("docs/adr/1.md", ""),
            ("README.md", "# One\n## Two words\n## Two words\n"),
        ]);
        let outcome = check(&tree).unwrap();
        assert!(outcome.findings.is_empty(), "{:?}", outcome.findings);
        assert_eq!(outcome.note.as_deref(), Some("6 links"));
    }

    #[test]
    fn broken_links_and_headings_are_found() {
        let (_directory, tree) = planted::tree(&[
            (
                "docs/a.md",
                "# A\n[x](none.md)\n[y](b.md#gone)\n[z](../../out.md)\n[w](/docs/b.md)\n[v]: c.md \"title\"\n",
            ),
            ("docs/b.md", "# Here\n"),
        ]);
        let found = check(&tree).unwrap().findings;
        let lines: Vec<_> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6], "{found:?}");
    }
}
