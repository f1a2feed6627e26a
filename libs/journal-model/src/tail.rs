//! Reading the journal's tail: what a new owner still has to apply, or what became of an append of unknown outcome.

use crate::fault::Fault;
use crate::state::{Phase, State, Why};
use crate::statement::Batch;
use crate::{Milestone, Model};

impl Model {
    pub(crate) fn read_tail(&self, state: &mut State, owner: u8) -> Milestone {
        let me = &mut state.owners[usize::from(owner)];
        if me.phase == Phase::Tailing(Why::Resolve) {
            return self.judge(state, owner);
        }
        // Rows at or below `trimmed` may have come back; they are not read.
        let from = if self.has(Fault::UsesReturnedRows) { 0 } else { state.store.trimmed };
        if self.bounds.heads_from_tail {
            for (_, entry) in state.store.tail(from) {
                me.heads[self.conversation(entry.message)] = Some(entry.seq);
            }
        }
        if self.has(Fault::ReadsHeadsBeforeApplying) {
            me.heads = state.store.heads.map(|head| Some(head.unwrap_or(0)));
        }
        let rows: Batch = state.store.tail(from.max(me.applied)).map(|(_, entry)| entry).collect();
        let expired = state.late && rows.iter().any(|entry| self.message(entry.message).expires);
        let inherited = if rows.is_empty() { Milestone::NONE } else { Milestone::INHERITED };
        self.apply(state, owner, rows);
        if expired { inherited | Milestone::APPLIED_EXPIRED } else { inherited }
    }
}
