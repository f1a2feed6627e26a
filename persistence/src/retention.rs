//! How long entries are kept, and what a sweep of a backend did about it.

/// The global settings; a conversation's own come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionPolicy {
    /// Entries older than this many seconds are removed; `None` = never.
    pub age_seconds: Option<u64>,
    /// At most this many entries of a conversation are kept; `None` = all.
    pub entries: Option<u64>,
}

/// What one sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Bodies of expired entries removed.
    pub expired: u64,
    /// Dedup rows past their 7 days removed.
    pub dedup: u64,
    /// Entries past retention removed.
    pub retired: u64,
    /// Sessions past their expiry ended.
    pub sessions: u64,
    /// Push records past their 30 days removed.
    pub pushes: u64,
    /// Rows looked at.
    pub examined: u64,
    /// Whether the budget ended the sweep; the next one goes on from there.
    pub unfinished: bool,
}
