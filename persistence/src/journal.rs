//! The journal: a shard's append-only sequence of entries, written only by the shard's owner under the fence of its epoch.

use std::sync::Arc;

use async_trait::async_trait;
use longwave_model::{Entry, Epoch, OwnerId, Position, ShardId, UserId};

use crate::error::StoreError;
use crate::views::ViewWrite;

/// How far the consumers of a journal are done. Everything at or below is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watermarks {
    /// Views are stored up to here.
    pub applied: Position,
    /// Pushes are settled up to here.
    pub settled: Position,
}

/// What a new owner finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// The fence of this ownership.
    pub epoch: Epoch,
    /// Last position of the journal.
    pub head: Position,
    /// Where the consumers stand.
    pub watermarks: Watermarks,
    /// Rows at or below are gone, or are to be ignored when they come back (protocol rule 5).
    pub trimmed: Position,
    /// Unix time in milliseconds of the last commit before this process started; 0 = never.
    pub last_commit: u64,
}

/// Who gets an inbox row raised by an entry: the members of a direct conversation or group, nobody for a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audience(pub Vec<UserId>);

/// An entry on its way into the journal.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The entry, with its seq assigned.
    pub entry: Arc<Entry>,
    /// The members after the entry.
    pub audience: Arc<Audience>,
}

/// One fenced append: the entries become positions `head + 1 …`, if the journal still ends at `head` under `epoch`.
#[derive(Debug, Clone)]
pub struct Append {
    /// The shard.
    pub shard: ShardId,
    /// The owner's fence.
    pub epoch: Epoch,
    /// Where the owner believes the journal ends.
    pub head: Position,
    /// At most 200 entries or 128 KiB together; empty to move the watermarks alone.
    pub entries: Vec<Appended>,
    /// Carried along.
    pub watermarks: Watermarks,
}

/// How an append ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Durable.
    Applied,
    /// The fence held: nothing was written, and this owner is one no more (or its memory is wrong).
    NotApplied,
    /// Rejected before anything was written, with certainty. The senders may be refused.
    Rejected(StoreError),
    /// Nobody knows yet. Answer nobody; take the shard anew and compare (protocol rule 1).
    Unknown(StoreError),
}

/// A row read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Its position.
    pub position: Position,
    /// The entry.
    pub entry: Arc<Entry>,
}

/// Journals of all shards.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Number of shards, fixed when the store was created.
    fn shards(&self) -> u16;

    /// Whether an append stores the entries' views in the same commit, so that [`Journal::apply`] has nothing to do.
    fn views_are_committed(&self) -> bool {
        false
    }

    /// Becomes the owner of a shard by raising its epoch.
    ///
    /// # Errors
    /// [`StoreError`] when the outcome is not known; call again.
    async fn take(&self, shard: ShardId, owner: OwnerId) -> Result<Tenure, StoreError>;

    /// The epoch of a shard's owner, after every take and append before this.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn epoch(&self, shard: ShardId) -> Result<Epoch, StoreError>;

    /// Appends under the fence. On a backend where journal and views are one commit, the views are stored too.
    async fn append(&self, append: Append) -> Outcome;

    /// Stores the views of entries already appended. Does nothing where the append did it.
    ///
    /// # Errors
    /// [`StoreError`]; call again, writing a view twice changes nothing.
    async fn apply(&self, writes: Vec<ViewWrite>) -> Result<(), StoreError>;

    /// Rows above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn tail(&self, shard: ShardId, after: Position, limit: usize) -> Result<Vec<JournalRow>, StoreError>;

    /// Drops rows at or below `through`, which every watermark has passed.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn trim(&self, shard: ShardId, through: Position) -> Result<(), StoreError>;
}
