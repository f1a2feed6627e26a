//! One step of somebody, and which steps are possible in a state.

use crate::fault::Fault;
use crate::state::{OWNERS, Phase, State, Why};
use crate::statement::Statement;
use crate::{Milestone, Model};

/// One step. Owners and statements are named by their indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// An owner asks for the next epoch.
    Take(u8),
    /// It reads the statics, having its epoch.
    ReadStatics(u8),
    /// It reads the journal's tail.
    ReadTail(u8),
    /// It appends a message, or two.
    Append(u8, u8, Option<u8>),
    /// It answers a retry from the dedup row.
    Retry(u8, u8),
    /// It does not know of what allows a message, and refuses it if it is still the owner.
    Refuse(u8, u8),
    /// Its append is rejected before execution: it refuses the senders.
    Reject(u8),
    /// It stores its watermarks.
    Settle(u8),
    /// Its pushes are recorded as far as it has applied.
    Push(u8),
    /// It trims the journal.
    Trim(u8),
    /// It loses its memory.
    Crash(u8),
    /// The store carries out the statement with this index.
    CarryOut(u8),
    /// The answer to a compare-and-set arrives.
    Answer(u8),
    /// The owner waits for it no longer.
    TimeOut(u8),
    /// A view write with this index times out, is sent again, and may land late.
    Repeat(u8),
    /// A trimmed row comes back.
    Return(u8),
    /// The clock passes the expiry.
    Expire,
}

impl Model {
    /// Everything that may happen next.
    pub fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.clear();
        for owner in (0..).take(OWNERS) {
            self.of_owner(state, owner, actions);
        }
        for (index, sent) in (0..).zip(state.wire.sent()) {
            match (sent.answer, sent.by) {
                (None, _) => actions.push(Action::CarryOut(index)),
                (Some(_), Some(owner)) => actions.push(Action::Answer(owner)),
                (Some(_), None) => {}
            }
            let is_view =
                matches!(sent.statement, Statement::Log { .. } | Statement::Head { .. } | Statement::Inbox { .. });
            match sent.by {
                Some(_) if state.left.timeouts == 0 => {}
                Some(_) if is_view => actions.push(Action::Repeat(index)),
                Some(owner) => actions.push(Action::TimeOut(owner)),
                None => {}
            }
        }
        if state.left.returns > 0 {
            let gone = (1..=state.store.trimmed).filter(|at| state.store.rows[usize::from(*at) - 1].is_none());
            actions.extend(gone.map(Action::Return));
        }
        if state.left.expiries > 0 {
            actions.push(Action::Expire);
        }
    }

    fn of_owner(&self, state: &State, owner: u8, actions: &mut Vec<Action>) {
        let left = &state.left;
        let me = &state.owners[usize::from(owner)];
        match me.phase {
            // They are alike, so the first one begins.
            Phase::Out if left.takes > 0 && (owner == 0 || left.takes < self.bounds.budget.takes) => {
                actions.push(Action::Take(owner));
            }
            Phase::Unsure if left.takes > 0 || self.has(Fault::JudgesByHead) => actions.push(Action::Take(owner)),
            Phase::Raised(_) => actions.push(Action::ReadStatics(owner)),
            Phase::Tailing(_) => actions.push(Action::ReadTail(owner)),
            Phase::Appending => {
                let waits = state.wire.waiting(owner).is_some_and(|index| state.wire.sent()[index].answer.is_none());
                if left.rejections > 0 && waits {
                    actions.push(Action::Reject(owner));
                }
            }
            Phase::Serving => self.of_serving(state, owner, actions),
            Phase::Out | Phase::Unsure | Phase::Asking(_) | Phase::Applying(_) | Phase::Settling => {}
        }
        if left.crashes > 0 && me.phase != Phase::Out {
            actions.push(Action::Crash(owner));
        }
    }

    fn of_serving(&self, state: &State, owner: u8, actions: &mut Vec<Action>) {
        let me = &state.owners[usize::from(owner)];
        let messages = (0..).take(self.bounds.messages.len());
        let wanted = messages.filter(|message| self.is_wanted(state, *message));
        let (stored, new): (Vec<u8>, Vec<u8>) =
            wanted.partition(|message| state.store.dedup[usize::from(*message)].is_some());
        let (new, refused): (Vec<u8>, Vec<u8>) = new.into_iter().partition(|message| self.allows(state, me, *message));
        actions.extend(refused.into_iter().map(|message| Action::Refuse(owner, message)));
        let is_news = |message: &u8| {
            let at = usize::from(*message);
            state.clients.receipts[at] != state.store.dedup[at]
        };
        actions.extend(stored.into_iter().filter(is_news).map(|message| Action::Retry(owner, message)));
        for (index, first) in new.iter().enumerate() {
            actions.push(Action::Append(owner, *first, None));
            if self.bounds.batch > 1 {
                actions.extend(new[index + 1..].iter().map(|second| Action::Append(owner, *first, Some(*second))));
            }
        }
        let store = &state.store;
        if (me.applied, me.settled) != (store.applied, store.settled) {
            actions.push(Action::Settle(owner));
        }
        if me.settled < me.applied && self.bounds.settled_lags {
            actions.push(Action::Push(owner));
        }
        if state.left.trims > 0 && self.trims_through(store) > store.trimmed {
            actions.push(Action::Trim(owner));
        }
    }

    /// The state after a step, and what of note happened in it.
    #[must_use]
    pub fn after(&self, state: &State, action: Action) -> (State, Milestone) {
        let mut next = state.clone();
        let mut milestone = self.step(&mut next, action);
        self.watch(&mut next);
        let (store, late) = (next.store, next.late);
        next.wire.settle(|statement| self.is_spent(&store, late, statement));
        if next.clients.receipts.iter().take(self.bounds.messages.len()).all(Option::is_some) {
            milestone |= Milestone::ALL_ACKNOWLEDGED;
        }
        (next, milestone)
    }

    fn step(&self, state: &mut State, action: Action) -> Milestone {
        match action {
            Action::Take(owner) => return self.take(state, owner),
            Action::ReadStatics(owner) => self.read_statics(state, owner),
            Action::ReadTail(owner) => return self.read_tail(state, owner),
            Action::Append(owner, first, second) => self.append(state, owner, first, second),
            Action::Retry(owner, message) => return self.retry(state, owner, message),
            Action::Refuse(owner, message) => return self.refuse(state, owner, message),
            Action::Reject(owner) => return self.reject(state, owner),
            Action::Settle(owner) => self.send_append(state, owner, Phase::Settling),
            Action::Push(owner) => Self::push(state, owner),
            Action::Trim(owner) => self.trim(state, owner),
            Action::Crash(owner) => Self::crash(state, owner),
            Action::CarryOut(index) => return self.carry_out(state, usize::from(index)),
            Action::Answer(owner) => return self.answered(state, owner),
            Action::TimeOut(owner) => Self::time_out(state, owner),
            Action::Repeat(index) => self.repeat(state, usize::from(index)),
            Action::Return(position) => {
                state.left.returns -= 1;
                let at = usize::from(position) - 1;
                state.store.rows[at] = state.history.journal[at].map(|committed| committed.entry);
                return Milestone::RETURNED;
            }
            Action::Expire => self.expire(state),
        }
        Milestone::NONE
    }

    /// Whether an unknown outcome is to be judged now, rather than after the epoch is raised.
    pub(crate) fn judges_at_once(&self, why: Why) -> bool {
        why == Why::Resolve && self.has(Fault::JudgesByHead)
    }
}
