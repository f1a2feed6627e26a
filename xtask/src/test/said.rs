//! Keeps what a failed program said that matters, to repeat it below the summary.
//!
//! CI shows the end of a long log. A failure that is named only where it happened, some
//! thousand lines above, is a failure that nobody can look into.

use std::collections::VecDeque;

/// A test's own words that are kept, in lines.
const LINES_PER_TEST: usize = 12;
/// Tests whose words are kept; more fail together only when something they share is broken.
const TESTS: usize = 20;
/// Last lines of a program that ran no test, or named none of them.
const LAST_LINES: usize = 15;

/// Around the name of a failed test.
const BEFORE: &str = "---- ";
const AFTER: &str = " stdout ----";

/// What a program said about its failures.
#[derive(Debug, Default)]
pub(super) struct Said {
    failed_tests: Vec<Vec<String>>,
    last: VecDeque<String>,
    /// Whether the lines that come belong to a failed test.
    inside: bool,
}

impl Said {
    /// Takes the next line of the output. libtest prints `---- name stdout ----` before what
    /// a failed test printed, and `failures:` before and after all of them.
    pub(super) fn line(&mut self, line: &str) {
        self.last.push_back(line.to_owned());
        if self.last.len() > LAST_LINES {
            self.last.pop_front();
        }
        if line.starts_with(BEFORE) && line.ends_with(AFTER) {
            self.inside = self.failed_tests.len() < TESTS;
            if self.inside {
                self.failed_tests.push(vec![line.to_owned()]);
            }
        } else if line == "failures:" {
            self.inside = false;
        } else if self.inside
            && !line.is_empty()
            && let Some(test) = self.failed_tests.last_mut()
            && test.len() <= LINES_PER_TEST
        {
            test.push(line.to_owned());
        }
    }

    /// The names of the failed tests.
    pub(super) fn failed_tests(&self) -> Vec<String> {
        let name = |test: &Vec<String>| Some(test.first()?.strip_prefix(BEFORE)?.strip_suffix(AFTER)?.to_owned());
        self.failed_tests.iter().filter_map(name).collect()
    }

    /// The failed tests with their words, or else the last lines.
    pub(super) fn about_failures(self) -> Vec<String> {
        match self.failed_tests.is_empty() {
            true => self.last.into(),
            false => self.failed_tests.into_iter().flatten().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LAST_LINES, LINES_PER_TEST, Said};

    fn said(text: &str) -> Vec<String> {
        let mut said = Said::default();
        text.lines().for_each(|line| said.line(line));
        said.about_failures()
    }

    #[test]
    fn failed_tests_are_kept_with_their_words() {
        let text = "test a::b ... ok\ntest a::c ... FAILED\n\nfailures:\n\n---- a::c stdout ----\n\n\
            thread 'a::c' panicked at x.rs:1:2:\nleft is not right\n\nfailures:\n    a::c\n\ntest result: FAILED";
        assert_eq!(said(text), ["---- a::c stdout ----", "thread 'a::c' panicked at x.rs:1:2:", "left is not right"]);
    }

    #[test]
    fn failed_tests_have_names() {
        let mut said = Said::default();
        for line in ["---- a::b stdout ----", "words", "---- src/lib.rs - c (line 7) stdout ----", "---- no"] {
            said.line(line);
        }
        assert_eq!(said.failed_tests(), ["a::b", "src/lib.rs - c (line 7)"]);
    }

    #[test]
    fn a_test_that_says_much_is_cut() {
        let text = format!("---- a stdout ----\n{}---- b stdout ----\nshort", "word\n".repeat(1000));
        let said = said(&text);
        assert_eq!(said.len(), 1 + LINES_PER_TEST + 2);
        assert_eq!(said.last().map(String::as_str), Some("short"));
    }

    #[test]
    fn other_programs_are_quoted_from_their_end() {
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let said = said(&text);
        assert_eq!(said.len(), LAST_LINES);
        assert_eq!(said.last().map(String::as_str), Some("line 99"));
    }
}
