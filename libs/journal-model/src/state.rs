//! What there is: the store, two owners with their memories, statements under way, what clients were told, and what the judge
//! remembers. One byte per number, because millions of these are made.

use crate::bounds::{Bounds, Budget};
use crate::statement::{Batch, Wire};
use crate::store::Store;

/// Would-be owners of the shard.
pub(crate) const OWNERS: usize = 2;
/// Messages at most.
pub(crate) const MESSAGES: usize = 3;
/// Conversations at most.
pub(crate) const CONVERSATIONS: usize = 2;
/// Journal rows at most; more than messages, so that a message stored twice fits.
pub(crate) const POSITIONS: usize = 4;
/// Epochs at most.
pub(crate) const EPOCHS: usize = 10;

/// A message with the seq it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) message: u8,
    pub(crate) seq: u8,
}

/// Why an epoch is being raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// To become the owner.
    TakeOver,
    /// To learn the outcome of the own append.
    Resolve,
}

/// What an owner is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Without memory: not started, crashed, or fenced and starting over.
    Out,
    /// The outcome of its append is unknown.
    Unsure,
    /// Waits for its epoch.
    Asking(Why),
    /// Has its epoch; reads the statics next.
    Raised(Why),
    /// Has the statics; reads the journal's tail next.
    Tailing(Why),
    /// Stores views, stage by stage.
    Applying(Stage),
    /// Takes requests.
    Serving,
    /// Waits for its append.
    Appending,
    /// Waits for its watermarks.
    Settling,
}

/// Which views are being stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Log rows with their dedup rows.
    Rows,
    /// Heads and inbox rows, at once, as the store on Cassandra writes them.
    Heads,
}

/// An owner with its memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub(crate) phase: Phase,
    pub(crate) epoch: u8,
    /// Where it believes the journal ends.
    pub(crate) head: u8,
    /// Where the statics said that it ends.
    pub(crate) tenure: u8,
    pub(crate) applied: u8,
    pub(crate) settled: u8,
    /// Conversation heads, as far as it has read them.
    pub(crate) heads: [Option<u8>; CONVERSATIONS],
    /// What it appends, or has appended.
    pub(crate) batch: Batch,
    /// What it stores views of.
    pub(crate) views: Batch,
}

impl Owner {
    pub(crate) fn out() -> Self {
        Self {
            phase: Phase::Out,
            epoch: 0,
            head: 0,
            tenure: 0,
            applied: 0,
            settled: 0,
            heads: [None; CONVERSATIONS],
            batch: Batch::new(),
            views: Batch::new(),
        }
    }
}

/// An entry as it was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Committed {
    pub(crate) entry: Entry,
    pub(crate) epoch: u8,
}

/// What the judge remembers; no part of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct History {
    /// Every entry ever committed, by position.
    pub(crate) journal: [Option<Committed>; POSITIONS],
    /// A committed row was overwritten by another.
    pub(crate) overwritten: bool,
    /// A watermark went back.
    pub(crate) fell: bool,
    /// A client was told two seqs for one id.
    pub(crate) contradicted: bool,
    /// A message was refused although what allows it had been acknowledged.
    pub(crate) wronged: bool,
    /// Who raised each epoch.
    pub(crate) owners: [u8; EPOCHS],
    /// The highest head that a reader has ever seen, from the log and from the inbox: all readers at once.
    pub(crate) heads: [u8; CONVERSATIONS],
    pub(crate) inboxes: [u8; CONVERSATIONS],
    /// Pushes are recorded up to here.
    pub(crate) pushed: u8,
}

/// What clients were told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Clients {
    /// The seq in the receipt.
    pub(crate) receipts: [Option<u8>; MESSAGES],
    /// Which owner refused it; the client then gives up.
    pub(crate) refused: [Option<u8>; MESSAGES],
}

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) owners: [Owner; OWNERS],
    pub(crate) wire: Wire,
    pub(crate) clients: Clients,
    pub(crate) history: History,
    pub(crate) left: Budget,
    /// The clock has passed the expiry.
    pub(crate) late: bool,
}

impl State {
    /// Nothing has happened yet.
    #[must_use]
    pub fn first(bounds: &Bounds) -> Self {
        Self {
            store: Store::default(),
            owners: [Owner::out(), Owner::out()],
            wire: Wire::default(),
            clients: Clients::default(),
            history: History::default(),
            left: bounds.budget,
            late: false,
        }
    }
}
