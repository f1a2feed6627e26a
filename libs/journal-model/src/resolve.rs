//! Judging an append of unknown outcome: all of it is stored, nothing of it and nothing else, or nothing of it and something else.

use crate::state::{Owner, Phase, State};
use crate::{Milestone, Model};

impl Model {
    /// With the epoch raised, by the rows behind the own head (protocol rule 1).
    pub(crate) fn judge(&self, state: &mut State, owner: u8) -> Milestone {
        let me = &state.owners[usize::from(owner)];
        let rows = state.store.tail(me.head.max(state.store.trimmed));
        let batch = (me.head + 1..).zip(me.batch.iter().copied());
        let landed = rows.take(me.batch.len()).eq(batch);
        let tenure = me.tenure;
        self.conclude(state, owner, landed, tenure)
    }

    /// The fault: by the head, in the same epoch.
    pub(crate) fn judge_by_head(&self, state: &mut State, owner: u8) -> Milestone {
        let me = &state.owners[usize::from(owner)];
        let head = state.store.head;
        self.conclude(state, owner, usize::from(head) == usize::from(me.head) + me.batch.len(), head)
    }

    /// The fault: by the head that was read when the epoch was asked for.
    pub(crate) fn judge_from_memory(&self, state: &mut State, owner: u8) -> Milestone {
        let me = &state.owners[usize::from(owner)];
        let tenure = me.tenure;
        self.conclude(state, owner, usize::from(tenure) == usize::from(me.head) + me.batch.len(), tenure)
    }

    fn conclude(&self, state: &mut State, owner: u8, landed: bool, tenure: u8) -> Milestone {
        let me = &mut state.owners[usize::from(owner)];
        me.tenure = tenure;
        if landed {
            self.committed(state, owner);
            Milestone::LANDED
        } else if tenure == me.head {
            self.send_append(state, owner, Phase::Appending);
            Milestone::NOT_LANDED
        } else {
            *me = Owner::out();
            Milestone::OVERTAKEN
        }
    }
}
