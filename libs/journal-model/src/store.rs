//! The store of one shard: statics, journal rows, view registers; and what a statement does to it.

use longwave_model::{Epoch, Position};
use longwave_persistence::invariant::fence_opens;

use crate::bounds::Message;
use crate::fault::Fault;
use crate::state::{CONVERSATIONS, Committed, Entry, History, MESSAGES, POSITIONS, State};
use crate::statement::Statement;
use crate::{Milestone, Model};

/// A log row: whose, and whether with content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LogRow {
    pub(crate) message: u8,
    pub(crate) content: bool,
}

/// All rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Store {
    pub(crate) epoch: u8,
    pub(crate) head: u8,
    pub(crate) applied: u8,
    pub(crate) settled: u8,
    pub(crate) trimmed: u8,
    pub(crate) rows: [Option<Entry>; POSITIONS],
    pub(crate) log: [[Option<LogRow>; POSITIONS]; CONVERSATIONS],
    pub(crate) dedup: [Option<u8>; MESSAGES],
    pub(crate) heads: [Option<u8>; CONVERSATIONS],
    /// Raised by an entry that expires.
    pub(crate) mortal: [bool; CONVERSATIONS],
    pub(crate) inboxes: [Option<u8>; CONVERSATIONS],
}

impl Store {
    /// Journal rows above `after`, in order, with their positions.
    pub(crate) fn tail(&self, after: u8) -> impl Iterator<Item = (u8, Entry)> {
        (1..)
            .zip(self.rows)
            .filter(move |(position, _)| *position > after)
            .filter_map(|(position, row)| Some((position, row?)))
    }
}

impl Model {
    pub(crate) fn message(&self, message: u8) -> Message {
        self.bounds.messages[usize::from(message)]
    }

    /// The index of a message's conversation.
    pub(crate) fn conversation(&self, message: u8) -> usize {
        usize::from(self.message(message).conversation)
    }

    /// The store carries out a statement under way; whoever waits for it gets an answer, or, with a view, is told at once.
    pub(crate) fn carry_out(&self, state: &mut State, index: usize) -> Milestone {
        let sent = state.wire.sent()[index].clone();
        let before = state.store;
        let applied = self.effect(&mut state.store, &mut state.history, state.late, &sent.statement);
        let changed = state.store != before;
        match (&sent.statement, sent.by) {
            (Statement::Take { before }, Some(owner)) => {
                if applied {
                    state.history.owners[usize::from(*before) + 1] = owner;
                }
                state.wire.answer(index, applied);
                Milestone::NONE
            }
            (Statement::Append { .. }, Some(_)) => {
                state.wire.answer(index, applied);
                Milestone::NONE
            }
            (Statement::Log { .. } | Statement::Head { .. } | Statement::Inbox { .. }, Some(owner)) => {
                state.wire.take(index);
                let fenced = state.owners[usize::from(owner)].epoch < state.store.epoch;
                self.view_stored(state, owner);
                if fenced && changed { Milestone::LATE_VIEW } else { Milestone::NONE }
            }
            (statement, _) => {
                state.wire.take(index);
                match statement {
                    Statement::Append { .. } if applied => Milestone::LATE_APPEND,
                    Statement::Trim { through, .. } if applied => {
                        state.wire.send(Statement::Delete { through: *through }, None);
                        Milestone::NONE
                    }
                    Statement::Delete { .. } if changed => Milestone::TRIMMED,
                    Statement::Log { .. } | Statement::Head { .. } | Statement::Inbox { .. } if changed => {
                        Milestone::LATE_VIEW
                    }
                    _ => Milestone::NONE,
                }
            }
        }
    }

    /// Whether a statement that nobody waits for can do nothing any more. Epoch, head and `trimmed` only rise, and view registers
    /// keep the greatest seq, so what has no effect now never has one.
    pub(crate) fn is_spent(&self, store: &Store, late: bool, statement: &Statement) -> bool {
        match statement {
            Statement::Take { before } => *before != store.epoch,
            Statement::Append { epoch, head, .. } => {
                *head != store.head || *epoch != store.epoch && !self.has(Fault::FencesByHeadAlone)
            }
            Statement::Trim { before, .. } => *before != store.trimmed,
            Statement::Delete { .. } => self.has_no_effect(store, late, statement),
            Statement::Log { .. } | Statement::Head { .. } | Statement::Inbox { .. } => {
                !self.has(Fault::WritesViewsByClock) && self.has_no_effect(store, late, statement)
            }
        }
    }

    fn has_no_effect(&self, store: &Store, late: bool, statement: &Statement) -> bool {
        let mut after = *store;
        self.effect(&mut after, &mut History::default(), late, statement);
        after == *store
    }

    /// Does what the statement says; false when its condition does not hold.
    fn effect(&self, store: &mut Store, history: &mut History, late: bool, statement: &Statement) -> bool {
        match statement {
            Statement::Take { before } => {
                let holds = store.epoch == *before;
                store.epoch += u8::from(holds);
                holds
            }
            Statement::Append { epoch, head, entries, applied, settled } => {
                let last = usize::from(*head) + entries.len();
                let believed = if self.has(Fault::FencesByHeadAlone) { store.epoch } else { *epoch };
                let place = |epoch: u8, head: u8| (Epoch(epoch.into()), Position(head.into()));
                let (their_epoch, their_head) = place(believed, *head);
                if !fence_opens(their_epoch, their_head, place(store.epoch, store.head)) || last > POSITIONS {
                    return false;
                }
                for (entry, at) in entries.iter().zip(usize::from(*head)..) {
                    history.overwritten |= history.journal[at].is_some();
                    history.journal[at] = Some(Committed { entry: *entry, epoch: *epoch });
                    store.rows[at] = Some(*entry);
                }
                history.fell |= *applied < store.applied || *settled < store.settled;
                (store.head, store.applied, store.settled) =
                    (u8::try_from(last).unwrap_or(u8::MAX), *applied, *settled);
                true
            }
            Statement::Trim { before, through } => {
                let holds = store.trimmed == *before;
                store.trimmed = if holds { *through } else { store.trimmed };
                holds
            }
            Statement::Delete { through } => {
                store.rows.iter_mut().take(usize::from(*through)).for_each(|row| *row = None);
                true
            }
            Statement::Log { entry, content } => {
                self.write_log(store, late, *entry, *content);
                true
            }
            Statement::Head { conversation, seq, mortal } => {
                let at = usize::from(*conversation);
                if !(*mortal && late) && self.wins(store.heads[at], *seq) {
                    (store.heads[at], store.mortal[at]) = (Some(*seq), *mortal);
                }
                true
            }
            Statement::Inbox { conversation, seq } => {
                let inbox = &mut store.inboxes[usize::from(*conversation)];
                if self.wins(*inbox, *seq) {
                    *inbox = Some(*seq);
                }
                true
            }
        }
    }

    fn write_log(&self, store: &mut Store, late: bool, entry: Entry, content: bool) {
        let row = &mut store.log[self.conversation(entry.message)][usize::from(entry.seq) - 1];
        // Columns of equal timestamps: the content joins the row, and of two contents one wins.
        let content = content || row.is_some_and(|row| row.message == entry.message && row.content);
        *row = Some(LogRow { message: entry.message, content });
        let gone = self.has(Fault::ExpiresDedup) && self.message(entry.message).expires && late;
        let dedup = &mut store.dedup[usize::from(entry.message)];
        if !gone && self.wins(*dedup, entry.seq) {
            *dedup = Some(entry.seq);
        }
    }

    /// Whether a write replaces what a register holds: the timestamp is the seq, the greatest wins.
    fn wins(&self, stored: Option<u8>, written: u8) -> bool {
        self.has(Fault::WritesViewsByClock) || stored < Some(written)
    }

    /// The clock passes the expiry. Contents are gone for readers by their own time; rows with a TTL go by themselves.
    pub(crate) fn expire(&self, state: &mut State) {
        state.late = true;
        state.left.expiries -= 1;
        for at in 0..CONVERSATIONS {
            if state.store.mortal[at] {
                state.store.heads[at] = None;
            }
        }
        for message in 0..self.bounds.messages.len() {
            if self.has(Fault::ExpiresDedup) && self.bounds.messages[message].expires {
                state.store.dedup[message] = None;
            }
        }
    }
}
