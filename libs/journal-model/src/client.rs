//! Requests of clients: what is new is appended, what is stored is answered from the dedup row, and every answer is remembered.

use crate::fault::Fault;
use crate::state::{Entry, Owner, Phase, State};
use crate::statement::Batch;
use crate::{Milestone, Model};

impl Model {
    /// Gives the messages their seqs and appends them.
    pub(crate) fn append(&self, state: &mut State, owner: u8, first: u8, second: Option<u8>) {
        let me = &mut state.owners[usize::from(owner)];
        // Read where it is not remembered; remembered only once the batch is stored.
        let mut heads = me.heads;
        for (head, view) in heads.iter_mut().zip(state.store.heads) {
            *head = Some(head.unwrap_or(view.unwrap_or(0)));
        }
        me.heads = heads;
        me.batch = std::iter::once(first)
            .chain(second)
            .map(|message| {
                let head = &mut heads[self.conversation(message)];
                let seq = head.unwrap_or(0) + 1;
                *head = Some(seq);
                Entry { message, seq }
            })
            .collect();
        self.send_append(state, owner, Phase::Appending);
        if self.has(Fault::AnswersBeforeCommit) {
            let batch = state.owners[usize::from(owner)].batch.clone();
            self.receipts(state, &batch);
        }
    }

    /// Answers a resend with what the dedup row says.
    pub(crate) fn retry(&self, state: &mut State, _owner: u8, message: u8) -> Milestone {
        if let Some(seq) = state.store.dedup[usize::from(message)] {
            self.receipts(state, &Batch::from_slice(&[Entry { message, seq }]));
        }
        Milestone::RETRIED
    }

    /// Whether a client sends it, for the first time or again.
    pub(crate) fn is_wanted(&self, state: &State, message: u8) -> bool {
        let clients = &state.clients;
        let first = self.message(message).after;
        clients.refused[usize::from(message)].is_none()
            && first.is_none_or(|first| clients.receipts[usize::from(first)].is_some())
    }

    /// Whether the owner knows of what allows the message; a conversation that it does not remember it reads.
    pub(crate) fn allows(&self, state: &State, me: &Owner, message: u8) -> bool {
        let at = self.conversation(message);
        let known = me.heads[at].or(state.store.heads[at]);
        self.message(message).after.is_none_or(|first| known >= state.clients.receipts[usize::from(first)])
    }

    /// Refuses what it does not allow, if it is still the owner; else it has learned that it is not.
    pub(crate) fn refuse(&self, state: &mut State, owner: u8, message: u8) -> Milestone {
        let me = &mut state.owners[usize::from(owner)];
        if me.epoch != state.store.epoch && !self.has(Fault::RefusesUnconfirmed) {
            *me = Owner::out();
            return Milestone::FENCED;
        }
        state.clients.refused[usize::from(message)] = Some(owner);
        // What allows it was acknowledged before it was sent.
        state.history.wronged = true;
        Milestone::REFUSED
    }

    /// The append was rejected before execution: the senders are refused.
    pub(crate) fn reject(&self, state: &mut State, owner: u8) -> Milestone {
        state.left.rejections -= 1;
        if let Some(index) = state.wire.waiting(owner) {
            state.wire.take(index);
        }
        let me = &mut state.owners[usize::from(owner)];
        for entry in std::mem::take(&mut me.batch) {
            state.clients.refused[usize::from(entry.message)] = Some(owner);
        }
        me.phase = Phase::Serving;
        Milestone::REFUSED
    }

    pub(crate) fn receipts(&self, state: &mut State, batch: &[Entry]) {
        for entry in batch {
            let receipt = &mut state.clients.receipts[usize::from(entry.message)];
            state.history.contradicted |= receipt.is_some_and(|seq| seq != entry.seq);
            *receipt = Some(entry.seq);
        }
    }
}
