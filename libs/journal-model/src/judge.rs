//! Judging a state, with the functions that the code's own assertions use.

use longwave_model::{Epoch, Position, Seq};
use longwave_persistence::Watermarks;
use longwave_persistence::invariant::{
    ViewsOfEntry, are_distinct, epochs_never_fall, is_applied, is_readable, is_within, may_trim, rows_are_complete,
    seqs_rise_by_one,
};

use crate::Model;
use crate::state::{CONVERSATIONS, Entry, State};

/// A promise that does not hold, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// A seq was left out or given twice.
    Order,
    /// A message with an id is stored twice.
    Once,
    /// A message is acknowledged, and neither in the journal nor, below what is trimmed, in the views.
    Acknowledged,
    /// A client got two different receipts for one id.
    Receipt,
    /// A refused message is stored all the same, or was allowed.
    Refused,
    /// A reader that has read a head, or an inbox row, misses an entry below it that has not expired.
    Readable,
    /// A conversation's head went back or is gone.
    HeadFell,
    /// A journal row was overwritten, or rows above `trimmed` are not exactly those up to the head.
    Rows,
    /// A former owner appended after its successor.
    Fence,
    /// Watermarks went back, passed the head, fell below what is trimmed, or passed what is recorded.
    Watermarks,
    /// An entry at or below `applied` lacks a view.
    Applied,
    /// A view register holds what no entry of the journal explains.
    Register,
}

impl Broken {
    /// Whether clients and readers see it.
    #[must_use]
    pub fn shows_outside(self) -> bool {
        self <= Self::Readable
    }
}

/// Whether a promise holds in a state.
type Check = fn(&Model, &State) -> bool;

impl Model {
    /// The first promise that does not hold here.
    #[must_use]
    pub fn judge_state(&self, state: &State) -> Option<Broken> {
        let checks: [(Broken, Check); 12] = [
            (Broken::Order, Self::is_ordered),
            (Broken::Once, Self::is_once),
            (Broken::Acknowledged, Self::keeps_acknowledged),
            (Broken::Receipt, |_, state| !state.history.contradicted),
            (Broken::Refused, Self::keeps_refused_out),
            (Broken::Readable, Self::can_be_read),
            (Broken::HeadFell, Self::keeps_heads),
            (Broken::Rows, Self::has_its_rows),
            (Broken::Fence, Self::is_fenced),
            (Broken::Watermarks, Self::has_sound_watermarks),
            (Broken::Applied, Self::is_applied_so_far),
            (Broken::Register, Self::explains_registers),
        ];
        let asked = checks.iter().filter(|(broken, _)| broken.shows_outside() || !self.from_outside);
        asked.into_iter().find(|(_, holds)| !holds(self, state)).map(|(broken, _)| *broken)
    }

    /// What the judge has to remember of this state.
    pub(crate) fn watch(&self, state: &mut State) {
        for at in 0..CONVERSATIONS {
            let (log, inbox) = (state.store.heads[at], state.store.inboxes[at]);
            state.history.heads[at] = state.history.heads[at].max(log.unwrap_or(0));
            state.history.inboxes[at] = state.history.inboxes[at].max(inbox.unwrap_or(0));
        }
    }

    fn is_ordered(&self, state: &State) -> bool {
        let first = (0..CONVERSATIONS).map(|conversation| (conversation, Seq(0)));
        seqs_rise_by_one(first.chain(journal(state).map(|(_, entry)| (self.conversation(entry.message), seq(entry)))))
    }

    fn is_once(&self, state: &State) -> bool {
        are_distinct(journal(state).map(|(_, entry)| entry.message))
    }

    fn keeps_acknowledged(&self, state: &State) -> bool {
        (0..).zip(state.clients.receipts).all(|(message, receipt)| {
            let Some(told) = receipt else { return true };
            let entry = Entry { message, seq: told };
            let in_journal = state.store.tail(state.store.trimmed).any(|(_, row)| row == entry);
            in_journal || self.has_row(state, self.conversation(message), seq(entry), Some(message))
        })
    }

    fn keeps_refused_out(&self, state: &State) -> bool {
        !state.history.wronged
            && state.history.journal.iter().flatten().all(|committed| {
                let refused = state.clients.refused[usize::from(committed.entry.message)];
                // Another owner may have stored what this one refused: the client asked both.
                refused != Some(state.history.owners[usize::from(committed.epoch)])
            })
    }

    fn can_be_read(&self, state: &State) -> bool {
        (0..CONVERSATIONS).all(|at| {
            let head = state.history.heads[at].max(state.history.inboxes[at]);
            is_readable(Seq(0), Seq(head.into()), |seq| self.has_row(state, at, seq, None))
        })
    }

    fn keeps_heads(&self, state: &State) -> bool {
        (0..CONVERSATIONS).all(|at| {
            state.store.heads[at].unwrap_or(0) == state.history.heads[at]
                && state.store.inboxes[at].unwrap_or(0) == state.history.inboxes[at]
        })
    }

    fn has_its_rows(&self, state: &State) -> bool {
        let store = &state.store;
        let rows = store.tail(0).map(|(at, _)| position(at));
        let same = store.tail(0).all(|(at, row)| {
            state.history.journal[usize::from(at) - 1].is_some_and(|committed| committed.entry == row)
        });
        !state.history.overwritten && same && rows_are_complete(position(store.trimmed), position(store.head), rows)
    }

    fn is_fenced(&self, state: &State) -> bool {
        epochs_never_fall(state.history.journal.iter().flatten().map(|committed| Epoch(committed.epoch.into())))
    }

    fn has_sound_watermarks(&self, state: &State) -> bool {
        let store = &state.store;
        let stored = Watermarks { applied: position(store.applied), settled: position(store.settled) };
        let trimmed = position(store.trimmed);
        !state.history.fell
            && is_within(stored, trimmed, position(store.head))
            && may_trim(trimmed, stored)
            && store.settled <= state.history.pushed
    }

    fn is_applied_so_far(&self, state: &State) -> bool {
        let store = &state.store;
        journal(state).filter(|(at, _)| *at <= store.applied.max(store.trimmed)).all(|(_, entry)| {
            let at = self.conversation(entry.message);
            let row = store.log[at][usize::from(entry.seq) - 1].filter(|row| row.message == entry.message);
            let views = ViewsOfEntry {
                row: row.is_some(),
                content: row.is_some_and(|row| row.content),
                dedup: store.dedup[usize::from(entry.message)].map(|seq| Seq(seq.into())),
                head: store.heads[at].map(|seq| Seq(seq.into())),
                inbox: store.inboxes[at].map(|seq| Seq(seq.into())),
            };
            is_applied(seq(entry), views, self.has_expired(state, entry.message), true, true)
        })
    }

    /// Every register holds what folding some entries of the journal gives, in whatever order their writes landed.
    fn explains_registers(&self, state: &State) -> bool {
        let store = &state.store;
        let is_committed = |at: usize, seq: u8, message: Option<u8>| {
            journal(state).any(|(_, entry)| {
                self.conversation(entry.message) == at
                    && entry.seq == seq
                    && message.is_none_or(|it| it == entry.message)
            })
        };
        let log = (0..CONVERSATIONS).all(|at| {
            (1..).zip(store.log[at]).all(|(seq, row)| row.is_none_or(|row| is_committed(at, seq, Some(row.message))))
        });
        let heads = (0..CONVERSATIONS).all(|at| {
            let registers = [store.heads[at], store.inboxes[at]];
            registers.into_iter().flatten().all(|seq| is_committed(at, seq, None))
        });
        let dedup = (0..)
            .zip(store.dedup)
            .all(|(message, told)| told.is_none_or(|seq| is_committed(self.conversation(message), seq, Some(message))));
        log && heads && dedup
    }

    fn has_row(&self, state: &State, conversation: usize, seq: Seq, message: Option<u8>) -> bool {
        let row = usize::try_from(seq.0 - 1).ok().and_then(|at| *state.store.log[conversation].get(at)?);
        row.is_some_and(|row| {
            message.is_none_or(|it| it == row.message) && (row.content || self.has_expired(state, row.message))
        })
    }

    fn has_expired(&self, state: &State, message: u8) -> bool {
        state.late && self.message(message).expires
    }
}

/// Everything ever committed, by position.
fn journal(state: &State) -> impl Iterator<Item = (u8, Entry)> {
    (1..).zip(&state.history.journal).filter_map(|(at, committed)| Some((at, committed.as_ref()?.entry)))
}

fn seq(entry: Entry) -> Seq {
    Seq(entry.seq.into())
}

fn position(at: u8) -> Position {
    Position(at.into())
}
