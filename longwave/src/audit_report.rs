//! The audit as text: one line per finding, then what was looked at.

use std::fmt::Write as _;

use longwave_persistence::StoreError;

use crate::backend::Backend;

/// Findings shown at most; all are counted.
const MOST: usize = 1_000;

/// What a line about a broken rule begins with.
pub(crate) const FINDING: &str = "finding: ";

/// Audits the store and says what it found.
pub(crate) async fn audit_report(store: &Backend) -> Result<String, StoreError> {
    let (summary, findings) = store.audit(MOST).await?;
    let mut text = String::new();
    for finding in &findings {
        let _ = writeln!(text, "{FINDING}{finding}");
    }
    let _ = writeln!(
        text,
        "{} conversations, {} entries, {} message ids, {} memberships, {} cursors, {} marks, {} push records, {} journal positions: {} findings",
        summary.conversations,
        summary.entries,
        summary.dedup,
        summary.members,
        summary.cursors,
        summary.marks,
        summary.pushes,
        summary.journal,
        summary.findings
    );
    Ok(text)
}
