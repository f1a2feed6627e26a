//! How much may happen in an exploration. Everything that could repeat for ever has a budget.

/// A message that a client sends, with an id of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// 0 or 1.
    pub conversation: u8,
    /// Its content goes when the clock passes the expiry.
    pub expires: bool,
    /// It may be sent only once that message, of the same conversation, is acknowledged, and is refused by an owner that does not know
    /// of it: a member's message after the member was added.
    pub after: Option<u8>,
}

impl Message {
    /// One that stays.
    #[must_use]
    pub const fn lasting(conversation: u8) -> Self {
        Self { conversation, expires: false, after: None }
    }

    /// The same, allowed only after another.
    #[must_use]
    pub const fn after(self, message: u8) -> Self {
        Self { after: Some(message), ..self }
    }

    /// One that expires.
    #[must_use]
    pub const fn expiring(conversation: u8) -> Self {
        Self { conversation, expires: true, after: None }
    }
}

/// How often each thing may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Attempts to raise the epoch.
    pub takes: u8,
    /// Answers that do not come in time: of compare-and-sets, and of view writes, which are then repeated.
    pub timeouts: u8,
    /// Owners that lose their memory.
    pub crashes: u8,
    /// Appends rejected before execution.
    pub rejections: u8,
    /// Trims begun.
    pub trims: u8,
    /// Trimmed rows that come back.
    pub returns: u8,
    /// Moments at which what can expire does: 0 or 1.
    pub expiries: u8,
}

/// What an exploration covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What clients send, at most 3.
    pub messages: &'static [Message],
    /// Entries of one append at most: 1 or 2.
    pub batch: usize,
    /// How often each thing may happen.
    pub budget: Budget,
    /// `settled` waits for pushes of its own instead of following `applied`.
    pub settled_lags: bool,
    /// A new owner takes a conversation's head from the journal's tail where that has an entry of it, else from the view.
    pub heads_from_tail: bool,
}
