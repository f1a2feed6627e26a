//! Statements under way from owners to the store, and what of them has been answered.

use smallvec::SmallVec;

use crate::state::Entry;

/// Entries of one append, in order.
pub(crate) type Batch = SmallVec<[Entry; 2]>;

/// What the store is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Statement {
    /// `SET epoch = before + 1 IF epoch = before`.
    Take { before: u8 },
    /// The entries and watermarks, `IF head = … AND epoch = …`.
    Append { epoch: u8, head: u8, entries: Batch, applied: u8, settled: u8 },
    /// Log row and dedup row of an entry: one mutation, as they lie in one partition.
    Log { entry: Entry, content: bool },
    /// The conversation's head. `mortal`: it was raised by an entry that expires.
    Head { conversation: u8, seq: u8, mortal: bool },
    /// The member's inbox row.
    Inbox { conversation: u8, seq: u8 },
    /// `SET trimmed = through IF trimmed = before`.
    Trim { before: u8, through: u8 },
    /// Deletes journal rows.
    Delete { through: u8 },
}

/// A statement under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sent {
    pub(crate) statement: Statement,
    /// Who waits for the answer; nobody, if whoever sent it has given up, is gone, or does not care.
    pub(crate) by: Option<u8>,
    /// The answer, while it is on its way back: whether a compare-and-set was applied.
    pub(crate) answer: Option<bool>,
}

/// All statements under way, sorted, so that equal sets are equal states.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Wire(SmallVec<[Sent; 6]>);

impl Wire {
    pub(crate) fn send(&mut self, statement: Statement, by: Option<u8>) {
        self.0.push(Sent { statement, by, answer: None });
    }

    pub(crate) fn sent(&self) -> &[Sent] {
        &self.0
    }

    /// The index of a compare-and-set that this owner waits for; it has one under way at most.
    pub(crate) fn waiting(&self, owner: u8) -> Option<usize> {
        self.0.iter().position(|sent| sent.by == Some(owner))
    }

    pub(crate) fn take(&mut self, index: usize) -> Sent {
        self.0.remove(index)
    }

    pub(crate) fn answer(&mut self, index: usize, applied: bool) {
        self.0[index].answer = Some(applied);
    }

    /// The owner waits no more: what was carried out is over, the rest may land late.
    pub(crate) fn abandon(&mut self, owner: u8) {
        self.0.retain(|sent| sent.by != Some(owner) || sent.answer.is_none());
        for sent in self.0.iter_mut().filter(|sent| sent.by == Some(owner)) {
            sent.by = None;
        }
    }

    /// Sorts, and drops the late statements that can have no effect any more.
    pub(crate) fn settle(&mut self, mut is_spent: impl FnMut(&Statement) -> bool) {
        self.0.retain(|sent| sent.by.is_some() || !is_spent(&sent.statement));
        self.0.sort_unstable();
        // Two equal late view writes are as good as one, and equal compare-and-sets apply once.
        self.0.dedup_by(|one, other| one.by.is_none() && one == other);
    }
}
