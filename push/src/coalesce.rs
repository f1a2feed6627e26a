//! Which pushes wait, and until when: per device and conversation one, for the newest message.
//!
//! The first goes out after the grace time, the next ones at most once per window, which doubles as long as they keep coming. Pure: times
//! are milliseconds of a clock that never goes back, and nothing here reads or sends.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use longwave_model::{ConversationId, DeviceId, Seq, UserId};
use longwave_port::PushTicket;
use smallvec::SmallVec;

/// A device and a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) conversation: ConversationId,
}

/// How much a message wants to be seen. A later message stands for the earlier ones that want no more than it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// The sender wants no notification.
    Silent,
    /// A message like any other.
    Plain,
    /// It mentions the user.
    Mention,
}

/// A message that a device may have to be woken for.
#[derive(Debug, Clone)]
pub(crate) struct Owed {
    pub(crate) seq: Seq,
    /// Unix time in milliseconds at which it was stored.
    pub(crate) ts: u64,
    /// Unix time in milliseconds after which its content is gone.
    pub(crate) gone: Option<u64>,
    pub(crate) weight: Weight,
    /// What may be shown, if the deployment has opted in.
    pub(crate) text: Option<Arc<str>>,
    pub(crate) sender: UserId,
    #[expect(dead_code, reason = "what is held counts by being dropped")]
    pub(crate) ticket: PushTicket,
}

/// The messages of a pair that wait, oldest first; each weighs more than all behind it.
pub(crate) type Waiting = SmallVec<[Owed; 1]>;

/// How a turn of a pair ended.
#[derive(Debug)]
pub(crate) enum Turn {
    /// A push went out.
    Sent,
    /// None was needed, or none will ever go out.
    Ended,
    /// Not yet: these wait for so many milliseconds more.
    Again(Waiting, u64),
}

/// Times, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) grace: u64,
    pub(crate) first: u64,
    pub(crate) longest: u64,
}

#[derive(Debug)]
struct State {
    waiting: Waiting,
    /// When something is to be done; `None` while a turn is under way.
    due: Option<u64>,
    /// No push before.
    free_at: u64,
    window: u64,
    /// Since when it waits for a provider that does not take it.
    stuck: Option<u64>,
}

/// All pairs of a worker.
#[derive(Debug)]
pub(crate) struct Pairs {
    windows: Windows,
    states: HashMap<Arc<Pair>, State>,
    due: BTreeSet<(u64, Arc<Pair>)>,
    stuck: BTreeSet<(u64, Arc<Pair>)>,
    waiting: usize,
}

impl Pairs {
    pub(crate) fn new(windows: Windows) -> Self {
        Self { windows, states: HashMap::new(), due: BTreeSet::new(), stuck: BTreeSet::new(), waiting: 0 }
    }

    /// Pairs with a message that waits.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Adds a message.
    pub(crate) fn add(&mut self, pair: Pair, owed: Owed, now: u64) {
        let Windows { grace, first, .. } = self.windows;
        let key = match self.states.get_key_value(&pair) {
            Some((key, _)) => key.clone(),
            None => Arc::new(pair),
        };
        let is_new = !self.states.contains_key(&key);
        let fresh = || State { waiting: Waiting::new(), due: None, free_at: 0, window: first, stuck: None };
        let state = self.states.entry(key.clone()).or_insert_with(fresh);
        let was_empty = state.waiting.is_empty();
        merge(&mut state.waiting, owed);
        if was_empty {
            self.waiting += 1;
            // During a turn its end decides.
            if is_new || state.due.is_some() {
                let due = (now + grace).max(state.free_at);
                self.schedule(&key, due);
            }
        }
    }

    /// When the next turn is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due.first().map(|(due, _)| *due)
    }

    /// A pair whose turn it is, and what waits; its turn ends with [`Pairs::end`].
    pub(crate) fn next(&mut self, now: u64) -> Option<(Arc<Pair>, Waiting)> {
        while let Some((due, _)) = self.due.first() {
            if *due > now {
                return None;
            }
            let (_, key) = self.due.pop_first()?;
            let Some(state) = self.states.get_mut(&key) else { continue };
            if state.waiting.is_empty() {
                // Nothing came within the window: the next message is a first one again.
                self.states.remove(&key);
                continue;
            }
            state.due = None;
            self.waiting -= 1;
            if let Some(since) = state.stuck {
                self.stuck.remove(&(since, key.clone()));
            }
            return Some((key, std::mem::take(&mut state.waiting)));
        }
        None
    }

    /// A turn has ended.
    pub(crate) fn end(&mut self, key: &Arc<Pair>, turn: Turn, now: u64) {
        let Windows { grace, first, longest } = self.windows;
        let Some(state) = self.states.get_mut(key) else { return };
        let due = match turn {
            Turn::Again(mut back, after) => {
                if state.waiting.is_empty() {
                    self.waiting += 1;
                }
                for newer in std::mem::take(&mut state.waiting) {
                    merge(&mut back, newer);
                }
                state.waiting = back;
                let since = *state.stuck.get_or_insert(now);
                self.stuck.insert((since, key.clone()));
                now + after
            }
            Turn::Sent => {
                state.stuck = None;
                state.free_at = now + state.window;
                state.window = (state.window * 2).min(longest);
                // Also when nothing waits: to be forgotten once the window has passed twice.
                if state.waiting.is_empty() { state.free_at + state.window } else { state.free_at }
            }
            Turn::Ended => {
                (state.stuck, state.window, state.free_at) = (None, first, now);
                if state.waiting.is_empty() {
                    self.states.remove(key);
                    return;
                }
                now + grace
            }
        };
        self.schedule(key, due);
    }

    /// Takes out the pair that has waited longest for a provider that does not take it.
    pub(crate) fn give_up_oldest_stuck(&mut self) -> Option<(Arc<Pair>, Waiting)> {
        let (_, key) = self.stuck.pop_first()?;
        let state = self.states.remove(&key)?;
        if let Some(due) = state.due {
            self.due.remove(&(due, key.clone()));
        }
        self.waiting -= 1;
        Some((key, state.waiting))
    }

    /// Unix time in milliseconds of the oldest message that waits. Looks at all of them.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.states.values().filter_map(|state| state.waiting.first()).map(|owed| owed.ts).min()
    }

    fn schedule(&mut self, key: &Arc<Pair>, due: u64) {
        let Some(state) = self.states.get_mut(key) else { return };
        if let Some(before) = state.due.replace(due) {
            self.due.remove(&(before, key.clone()));
        }
        self.due.insert((due, key.clone()));
    }
}

/// Adds a message to those that wait. What it stands for goes, with its tickets: should this process die, the newer message is handed over
/// again, because it is of the same shard and later in its journal.
fn merge(waiting: &mut Waiting, owed: Owed) {
    if waiting.iter().any(|other| other.seq >= owed.seq && other.weight >= owed.weight) {
        return;
    }
    waiting.retain(|other| other.seq > owed.seq || other.weight > owed.weight);
    let at = waiting.partition_point(|other| other.seq < owed.seq);
    waiting.insert(at, owed);
}

#[cfg(test)]
mod tests;
