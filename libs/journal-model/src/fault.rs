//! Rules of the protocol that can be broken one at a time, to show that the exploration would notice.

/// One broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An unknown outcome is judged by the head at SERIAL, and the epoch is not raised (rule 1).
    JudgesByHead,
    /// An unknown outcome is judged by what was read when the epoch was about to be raised; the read at SERIAL after that is left
    /// out (rule 1).
    SkipsSerialRead,
    /// *Not applied* is taken for success (rule 2).
    TakesNotAppliedForSuccess,
    /// The fence is the head alone (rule 2).
    FencesByHeadAlone,
    /// Conversation heads are read before the journal is applied (rule 3).
    ReadsHeadsBeforeApplying,
    /// Senders are refused by what is remembered, without a look at whether the epoch is still the own (rule 3).
    RefusesUnconfirmed,
    /// Rows go that no watermark has passed (rule 5).
    TrimsAboveWatermarks,
    /// Trimmed rows that came back are read like any others (rule 5).
    UsesReturnedRows,
    /// View writes carry the clock as their timestamp: the last one wins.
    WritesViewsByClock,
    /// A conversation's head is raised before its log rows are stored (rule 6).
    RaisesHeadBeforeRows,
    /// Log rows that time out are not repeated before the head is raised (rule 6).
    ForgetsTimedOutRows,
    /// An expired entry is not applied at all (rule 7).
    SkipsExpiredEntries,
    /// The head expires with the entry that raised it (rule 7).
    ExpiresHead,
    /// The dedup row expires with its entry (rule 7).
    ExpiresDedup,
    /// An append carries an `applied` that counts its own entries, as where views are committed with it (rule 10).
    MovesAppliedTooEarly,
    /// An owner that has raised its epoch anew writes the watermarks that it remembers, not those stored meanwhile.
    WritesOldWatermarks,
    /// Receipts go out when the append is sent.
    AnswersBeforeCommit,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::JudgesByHead,
        Self::SkipsSerialRead,
        Self::TakesNotAppliedForSuccess,
        Self::FencesByHeadAlone,
        Self::ReadsHeadsBeforeApplying,
        Self::RefusesUnconfirmed,
        Self::TrimsAboveWatermarks,
        Self::UsesReturnedRows,
        Self::WritesViewsByClock,
        Self::RaisesHeadBeforeRows,
        Self::ForgetsTimedOutRows,
        Self::SkipsExpiredEntries,
        Self::ExpiresHead,
        Self::ExpiresDedup,
        Self::MovesAppliedTooEarly,
        Self::WritesOldWatermarks,
        Self::AnswersBeforeCommit,
    ];
}
