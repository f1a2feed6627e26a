//! An owner's dealings with the journal: its epoch, its appends and watermarks, trimming, and the end of its memory.

use crate::fault::Fault;
use crate::state::{Owner, Phase, State, Why};
use crate::statement::Statement;
use crate::store::Store;
use crate::{Milestone, Model};

impl Model {
    pub(crate) fn take(&self, state: &mut State, owner: u8) -> Milestone {
        let me = &mut state.owners[usize::from(owner)];
        let why = if me.phase == Phase::Unsure { Why::Resolve } else { Why::TakeOver };
        if self.judges_at_once(why) {
            return self.judge_by_head(state, owner);
        }
        state.left.takes -= 1;
        me.phase = Phase::Asking(why);
        me.tenure = state.store.head;
        state.wire.send(Statement::Take { before: state.store.epoch }, Some(owner));
        Milestone::NONE
    }

    pub(crate) fn read_statics(&self, state: &mut State, owner: u8) {
        let me = &mut state.owners[usize::from(owner)];
        if let Phase::Raised(why) = me.phase {
            me.tenure = state.store.head;
            if why == Why::TakeOver {
                (me.head, me.applied, me.settled) = (state.store.head, state.store.applied, state.store.settled);
            }
            if !self.has(Fault::WritesOldWatermarks) {
                (me.applied, me.settled) = (me.applied.max(state.store.applied), me.settled.max(state.store.settled));
            }
            me.phase = Phase::Tailing(why);
        }
    }

    /// Appends the owner's batch, or with none moves the watermarks.
    pub(crate) fn send_append(&self, state: &mut State, owner: u8, phase: Phase) {
        let me = &mut state.owners[usize::from(owner)];
        me.phase = phase;
        let (epoch, head, mut applied, settled) = (me.epoch, me.head, me.applied, me.settled);
        let entries = me.batch.clone();
        if self.has(Fault::MovesAppliedTooEarly) {
            applied = head + u8::try_from(entries.len()).unwrap_or(u8::MAX);
        }
        state.wire.send(Statement::Append { epoch, head, entries, applied, settled }, Some(owner));
    }

    /// The answer to a compare-and-set has arrived.
    pub(crate) fn answered(&self, state: &mut State, owner: u8) -> Milestone {
        let Some(index) = state.wire.waiting(owner) else { return Milestone::NONE };
        let sent = state.wire.take(index);
        let applied = sent.answer == Some(true);
        let me = &mut state.owners[usize::from(owner)];
        match (me.phase, applied) {
            (Phase::Asking(why), true) => {
                if let Statement::Take { before } = sent.statement {
                    me.epoch = before + 1;
                }
                me.phase = Phase::Raised(why);
                if why == Why::Resolve && self.has(Fault::SkipsSerialRead) {
                    return self.judge_from_memory(state, owner);
                }
            }
            // Asks once more.
            (Phase::Asking(Why::Resolve), false) => me.phase = Phase::Unsure,
            (Phase::Asking(Why::TakeOver), false) => *me = Owner::out(),
            (Phase::Settling, true) => me.phase = Phase::Serving,
            (Phase::Settling, false) => {
                *me = Owner::out();
                return Milestone::FENCED;
            }
            (Phase::Appending, true) => self.committed(state, owner),
            (Phase::Appending, false) if self.has(Fault::TakesNotAppliedForSuccess) => self.committed(state, owner),
            (Phase::Appending, false) => {
                *me = Owner::out();
                return Milestone::FENCED;
            }
            _ => {}
        }
        Milestone::NONE
    }

    pub(crate) fn time_out(state: &mut State, owner: u8) {
        state.left.timeouts -= 1;
        state.wire.abandon(owner);
        let me = &mut state.owners[usize::from(owner)];
        match me.phase {
            Phase::Appending | Phase::Asking(Why::Resolve) => me.phase = Phase::Unsure,
            // A late statement of this epoch might still land, so it takes the shard anew.
            _ => *me = Owner::out(),
        }
    }

    pub(crate) fn crash(state: &mut State, owner: u8) {
        state.left.crashes -= 1;
        state.wire.abandon(owner);
        state.owners[usize::from(owner)] = Owner::out();
    }

    /// The owner's batch is stored: receipts, then views.
    pub(crate) fn committed(&self, state: &mut State, owner: u8) {
        let me = &mut state.owners[usize::from(owner)];
        me.head += u8::try_from(me.batch.len()).unwrap_or(u8::MAX);
        // What it appended after its own batch was found is for the next take-over.
        me.tenure = me.tenure.max(me.head);
        let batch = std::mem::take(&mut me.batch);
        for entry in &batch {
            me.heads[self.conversation(entry.message)] = Some(entry.seq);
        }
        self.receipts(state, &batch);
        self.apply(state, owner, batch);
    }

    pub(crate) fn push(state: &mut State, owner: u8) {
        let me = &mut state.owners[usize::from(owner)];
        me.settled = me.applied;
        state.history.pushed = state.history.pushed.max(me.applied);
    }

    /// How far rows may go.
    pub(crate) fn trims_through(&self, store: &Store) -> u8 {
        if self.has(Fault::TrimsAboveWatermarks) { store.head } else { store.applied.min(store.settled) }
    }

    /// Trimming reads the statics and waits for nobody: whoever believes to be the owner may do it.
    pub(crate) fn trim(&self, state: &mut State, _owner: u8) {
        state.left.trims -= 1;
        let (before, through) = (state.store.trimmed, self.trims_through(&state.store));
        state.wire.send(Statement::Trim { before, through }, None);
    }
}
