//! What `cargo xtask test` prints around the output of its stages.

use std::time::Duration;

use super::stage::{Stage, Verdict};

/// One stage that is over.
pub(super) struct Entry {
    pub(super) stage: &'static Stage,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
}

impl Entry {
    /// Whether it counts as failed; in strict mode a skipped stage does.
    pub(super) fn failed(&self, strict: bool) -> bool {
        match self.verdict {
            Verdict::Passed(_) => false,
            Verdict::Failed(_) => true,
            Verdict::Skipped(_) => strict,
        }
    }

    fn row(&self, strict: bool) -> String {
        let (word, detail) = match &self.verdict {
            Verdict::Passed(detail) => ("passed", detail.clone()),
            Verdict::Failed(detail) => ("FAILED", detail.clone()),
            Verdict::Skipped(reason) if strict => ("FAILED", format!("skipped, which CI forbids: {reason}")),
            Verdict::Skipped(reason) => ("skipped", reason.clone()),
        };
        let over = if self.took > self.stage.budget { " over budget" } else { "" };
        let row = format!(
            "{:<8} {word:<8} {:>8} of {:>6}{over}  {detail}",
            self.stage.name,
            clock(self.took),
            clock(self.stage.budget),
        );
        row.trim_end().to_owned()
    }
}

/// All stages that are over.
#[derive(Default)]
pub(super) struct Report {
    entries: Vec<Entry>,
}

impl Report {
    pub(super) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// How many stages failed.
    pub(super) fn failed(&self, strict: bool) -> usize {
        self.entries.iter().filter(|e| e.failed(strict)).count()
    }

    /// The table and the closing line.
    pub(super) fn print(&self, strict: bool) {
        println!("\n==== summary ====");
        let rows: Vec<_> = self.entries.iter().map(|entry| entry.row(strict)).collect();
        for row in &rows {
            println!("{}", row.lines().next().unwrap_or_default());
        }
        let took: Duration = self.entries.iter().map(|entry| entry.took).sum();
        println!("{:<8} {:<8} {:>8}", "total", "", clock(took));
        println!("{}", self.closing(strict));
        for row in rows.iter().filter(|row| row.contains('\n')) {
            println!("\n{row}");
        }
    }

    fn closing(&self, strict: bool) -> String {
        let failed = self.failed(strict);
        let passed = self.entries.iter().filter(|entry| matches!(entry.verdict, Verdict::Passed(_))).count();
        let skipped = self.entries.len() - passed - failed;
        match skipped {
            0 => format!("{passed} passed, {failed} failed"),
            _ => format!("{passed} passed, {failed} failed, {skipped} skipped"),
        }
    }
}

/// Before a stage.
pub(super) fn heading(stage: &Stage) {
    println!("\n==== {}: {} ====", stage.name, stage.job);
}

/// After a stage.
pub(super) fn ending(entry: &Entry) {
    // What a failed program said has just gone by; it is repeated below the summary.
    println!("---- {}", entry.row(false).lines().next().unwrap_or_default());
}

/// Minutes and seconds.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::stage::{STAGES, Verdict};
    use super::{Entry, Report};

    fn report(verdicts: Vec<Verdict>) -> Report {
        let mut report = Report::default();
        for (stage, verdict) in STAGES.iter().zip(verdicts) {
            report.add(Entry { stage, verdict, took: Duration::from_secs(75) });
        }
        report
    }

    #[test]
    fn a_skipped_stage_fails_in_ci_only() {
        let report = report(vec![Verdict::Passed(String::new()), Verdict::Skipped("no clang".to_owned())]);
        assert_eq!(report.failed(false), 0);
        assert_eq!(report.closing(false), "1 passed, 0 failed, 1 skipped");
        assert_eq!(report.failed(true), 1);
        assert_eq!(report.closing(true), "1 passed, 1 failed");
        assert!(report.entries[1].row(true).contains("FAILED"));
        assert!(report.entries[1].row(true).contains("no clang"));
    }

    #[test]
    fn a_stage_over_its_budget_says_so() {
        let report = report(vec![Verdict::Passed("7 tests".to_owned())]);
        let row = report.entries[0].row(false);
        assert!(row.contains("1:15 of   1:00 over budget  7 tests"), "{row}");
    }
}
