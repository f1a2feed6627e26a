//! No source file is longer than 700 lines, and 95 % are at most 500.

use anyhow::Result;

use super::{Finding, Outcome};
use crate::tree::Tree;

/// Lines that no file may exceed.
const HARD_LIMIT: usize = 700;
/// Lines that at most one file in [`ONE_IN`] may exceed.
const SOFT_LIMIT: usize = 500;
/// One file in twenty is 5 %.
const ONE_IN: usize = 20;

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let mut lengths: Vec<(usize, &str)> = tree.texts(".rs").map(|(file, text)| (text.lines().count(), file)).collect();
    lengths.sort();
    let Some((median, _)) = lengths.get(lengths.len() / 2) else {
        return Ok(Outcome::nothing_to_check("there are no .rs files"));
    };
    let long: Vec<_> = lengths.iter().filter(|(length, _)| *length > SOFT_LIMIT).collect();
    let mut findings: Vec<Finding> = long
        .iter()
        .filter(|(length, _)| *length > HARD_LIMIT)
        .map(|(length, file)| {
            let advice = format!("{length} lines, the limit is {HARD_LIMIT}; split it by job");
            Finding::new(file, HARD_LIMIT + 1, advice)
        })
        .collect();
    if long.len() * ONE_IN > lengths.len() {
        for (length, file) in &long {
            let advice = format!(
                "{length} lines; {} of {} files are over {SOFT_LIMIT}, at most one in {ONE_IN} \
                 may be",
                long.len(),
                lengths.len()
            );
            findings.push(Finding::new(file, SOFT_LIMIT + 1, advice));
        }
    }
    let longest = lengths.last().map_or("", |(_, file)| file);
    let note = format!(
        "{} files, {} lines, median {median}, {} over {SOFT_LIMIT}, longest {longest}",
        lengths.len(),
        lengths.iter().map(|(length, _)| length).sum::<usize>(),
        long.len(),
    );
    Ok(Outcome::found(findings).note(note))
}

#[cfg(test)]
mod tests {
    use super::{Outcome, check};
    use crate::tree::planted;

    fn outcome(lengths: &[usize]) -> Outcome {
        let files: Vec<_> =
            lengths.iter().enumerate().map(|(at, length)| (format!("src/f{at}.rs"), "x\n".repeat(*length))).collect();
        let files: Vec<_> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
        check(&planted::tree(&files).1).unwrap()
    }

    #[test]
    fn the_hard_limit_is_exact() {
        let mut lengths = vec![10; 40];
        lengths.push(700);
        assert!(outcome(&lengths).findings.is_empty());
        lengths.push(701);
        assert_eq!(outcome(&lengths).findings.len(), 1);
    }

    #[test]
    fn one_file_in_twenty_may_be_long() {
        let mut lengths = vec![10; 19];
        lengths.push(501);
        assert!(outcome(&lengths).findings.is_empty());
        lengths.push(501);
        assert_eq!(outcome(&lengths).findings.len(), 2);
    }

    #[test]
    fn the_median_is_reported() {
        let note = outcome(&[1, 2, 30]).note.unwrap();
        assert!(note.contains("3 files, 33 lines, median 2"), "{note}");
    }
}
