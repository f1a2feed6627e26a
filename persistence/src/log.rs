//! The log: a conversation's entries by seq, with the dedup rows beside them.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use longwave_model::{ConversationId, Entry, MessageId, Seq, UserId};

use crate::error::StoreError;

/// Where a conversation's log ends and begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last seq.
    pub seq: Seq,
    /// Entries at or below are past retention and gone; 0 = none.
    pub floor: Seq,
}

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The seq that the first attempt got.
    pub seq: Seq,
    /// Unix time in milliseconds at which it got it.
    pub ts: u64,
}

/// Which end of a range a page starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

impl Direction {
    /// What a page of `first..=last` speaks for that a limit ended after it had looked at `stopped`.
    pub(crate) fn covered(self, first: u64, last: u64, stopped: Option<u64>) -> RangeInclusive<u64> {
        match (self, stopped) {
            (_, None) => first..=last,
            (Self::Forward, Some(stopped)) => first..=stopped,
            (Self::Backward, Some(stopped)) => stopped..=last,
        }
    }
}

/// Part of a log. A seq inside `covered` that is not among `entries` has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the direction asked for.
    pub entries: Vec<Arc<Entry>>,
    /// The seqs that this page speaks for; `None` when the range was empty or above the head.
    pub covered: Option<RangeInclusive<u64>>,
    /// The head when the page was read; never read past it (protocol rule 6).
    pub head: Head,
}

/// Logs of all conversations.
#[async_trait]
pub trait Log: Send + Sync {
    /// Head and floor; `None` when the conversation has no entry.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn head(&self, conversation: &ConversationId) -> Result<Option<Head>, StoreError>;

    /// Entries of `range` that exist, at most `limit` entries and about `bytes` bytes of bodies (one entry always fits).
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn page(
        &self,
        conversation: &ConversationId,
        range: RangeInclusive<u64>,
        direction: Direction,
        limit: usize,
        bytes: usize,
    ) -> Result<Page, StoreError>;

    /// What the first publish with this id got, if it is less than 7 days old.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn dedup(
        &self,
        conversation: &ConversationId,
        sender: &UserId,
        id: &MessageId,
    ) -> Result<Option<Stored>, StoreError>;

    /// All ids that [`Log::dedup`] would find in a conversation, with their senders, and perhaps some that are older; `None` when there are
    /// more than `most`.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn dedup_ids(
        &self,
        conversation: &ConversationId,
        most: usize,
    ) -> Result<Option<Vec<(UserId, MessageId)>>, StoreError>;
}
