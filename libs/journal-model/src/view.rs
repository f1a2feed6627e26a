//! Storing the views of entries: all log rows, and when those are stored, heads and inbox rows.

use crate::Model;
use crate::fault::Fault;
use crate::state::{CONVERSATIONS, Owner, Phase, Stage, State};
use crate::statement::{Batch, Statement};

impl Model {
    /// Begins with the views of these entries.
    pub(crate) fn apply(&self, state: &mut State, owner: u8, mut entries: Batch) {
        if self.has(Fault::SkipsExpiredEntries) && state.late {
            entries.retain(|entry| !self.message(entry.message).expires);
        }
        state.owners[usize::from(owner)].views = entries;
        self.send_stage(state, owner, self.stages()[0]);
    }

    /// A view of this owner is stored: the next stage follows the last one of this.
    pub(crate) fn view_stored(&self, state: &mut State, owner: u8) {
        if state.wire.waiting(owner).is_some() {
            return;
        }
        let [first, second] = self.stages();
        if state.owners[usize::from(owner)].phase == Phase::Applying(first) {
            self.send_stage(state, owner, second);
        } else {
            self.applied(state, owner);
        }
    }

    /// The write is sent again; the first may land late.
    pub(crate) fn repeat(&self, state: &mut State, index: usize) {
        state.left.timeouts -= 1;
        let sent = state.wire.sent()[index].clone();
        state.wire.send(sent.statement.clone(), None);
        let row = matches!(sent.statement, Statement::Log { .. });
        if let (true, true, Some(owner)) = (row, self.has(Fault::ForgetsTimedOutRows), sent.by) {
            state.wire.take(index);
            self.view_stored(state, owner);
        }
    }

    fn stages(&self) -> [Stage; 2] {
        if self.has(Fault::RaisesHeadBeforeRows) { [Stage::Heads, Stage::Rows] } else { [Stage::Rows, Stage::Heads] }
    }

    fn send_stage(&self, state: &mut State, owner: u8, stage: Stage) {
        let me = &mut state.owners[usize::from(owner)];
        me.phase = Phase::Applying(stage);
        let entries = me.views.clone();
        if entries.is_empty() {
            self.applied(state, owner);
            return;
        }
        match stage {
            Stage::Rows => {
                for entry in entries {
                    let content = !(state.late && self.message(entry.message).expires);
                    state.wire.send(Statement::Log { entry, content }, Some(owner));
                }
            }
            Stage::Heads => {
                for conversation in (0..).take(CONVERSATIONS) {
                    let raised =
                        entries.iter().filter(|entry| self.message(entry.message).conversation == conversation);
                    let Some(last) = raised.max_by_key(|entry| entry.seq) else { continue };
                    let mortal = self.has(Fault::ExpiresHead) && self.message(last.message).expires;
                    state.wire.send(Statement::Head { conversation, seq: last.seq, mortal }, Some(owner));
                    state.wire.send(Statement::Inbox { conversation, seq: last.seq }, Some(owner));
                }
            }
        }
    }

    /// All views are stored.
    fn applied(&self, state: &mut State, owner: u8) {
        let me = &mut state.owners[usize::from(owner)];
        me.applied = me.head;
        if !self.bounds.settled_lags {
            me.settled = me.applied;
            state.history.pushed = state.history.pushed.max(me.applied);
        }
        me.views = Batch::new();
        me.phase = Phase::Serving;
        // Its own batch was found, and another owner's behind it.
        if me.tenure > me.head {
            *me = Owner::out();
        }
    }
}
