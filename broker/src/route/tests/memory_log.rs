//! A log of plain topics in memory, which a killed router leaves to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_trait::async_trait;
use longwave_model::{ErrorCode, PlainFact, PlainState, Refusal};
use longwave_port::{LastingSession, LogReference, LoggedMessage, PlainLog, PlainMessage, is_plain};
use parking_lot::Mutex;

use super::world::{Memory, Sessions};

/// What is stored.
#[derive(Default)]
pub(super) struct MemoryLog {
    pub(super) messages: Mutex<BTreeMap<u64, LoggedMessage>>,
    pub(super) references: Mutex<BTreeSet<(Arc<str>, u64)>>,
    pub(super) facts: Mutex<Vec<PlainState>>,
    /// Nothing can be written.
    pub(super) is_full: AtomicBool,
}

/// It, with the sessions of the feed.
pub(super) struct LogOf {
    pub(super) memory: Arc<Memory>,
    pub(super) sessions: Arc<Sessions>,
}

impl LogOf {
    fn log(&self) -> &MemoryLog {
        &self.memory.log
    }
}

#[async_trait]
impl PlainLog for LogOf {
    async fn last_number(&self) -> Result<u64, Refusal> {
        Ok(self.log().messages.lock().last_key_value().map_or(0, |(number, _)| *number))
    }

    async fn append(&self, messages: Vec<(u64, LoggedMessage)>, facts: Vec<PlainState>) -> Result<(), Refusal> {
        if self.log().is_full.load(Relaxed) {
            return Err(Refusal::new(ErrorCode::DiskFull, "full"));
        }
        for (number, message) in messages {
            let references = message.filters.iter().map(|filter| (filter.clone(), number));
            self.log().references.lock().extend(references);
            self.log().messages.lock().insert(number, message);
        }
        let mut known = self.log().facts.lock();
        for new in facts {
            known.retain(|old| !replaces(&new, old));
            let stays = match &new.fact {
                PlainFact::Done(_) => true,
                PlainFact::Since { number, .. } => number.is_some(),
                PlainFact::Flight { flight, .. } => flight.is_some(),
                PlainFact::Taken { uses, .. } => uses.is_some(),
                PlainFact::Ended => false,
            };
            known.extend(stays.then_some(new));
        }
        Ok(())
    }

    async fn references(&self, filter: &str, after: u64, most: usize) -> Result<Vec<LogReference>, Refusal> {
        let references = self.log().references.lock();
        let messages = self.log().messages.lock();
        let found = references.iter().filter(|(of, number)| &**of == filter && *number > after).take(most);
        let size = |number| messages.get(number).map_or(0, |logged| logged.message.payload.len());
        Ok(found.map(|(_, number)| LogReference { number: *number, size: size(number) }).collect())
    }

    async fn latest_references(&self, filter: &str, most: usize) -> Result<Vec<LogReference>, Refusal> {
        let mut all = self.references(filter, 0, usize::MAX).await?;
        Ok(all.split_off(all.len().saturating_sub(most)))
    }

    async fn messages(&self, numbers: Vec<u64>) -> Result<Vec<Option<Arc<PlainMessage>>>, Refusal> {
        let messages = self.log().messages.lock();
        Ok(numbers.iter().map(|number| messages.get(number).map(|logged| logged.message.clone())).collect())
    }

    async fn logged(&self, after: u64, most: usize) -> Result<Vec<(u64, LoggedMessage)>, Refusal> {
        let messages = self.log().messages.lock();
        Ok(messages.range(after + 1..).take(most).map(|(number, logged)| (*number, logged.clone())).collect())
    }

    async fn forget(&self, messages: Vec<(u64, Vec<Arc<str>>)>) -> Result<(), Refusal> {
        for (number, filters) in messages {
            self.log().messages.lock().remove(&number);
            self.log().references.lock().retain(|(filter, of)| *of != number || !filters.contains(filter));
        }
        Ok(())
    }

    async fn consume(&self, gone: Vec<(Arc<str>, u64)>) -> Result<(), Refusal> {
        self.log().references.lock().retain(|reference| !gone.contains(reference));
        Ok(())
    }

    async fn facts(&self) -> Result<Vec<PlainState>, Refusal> {
        Ok(self.log().facts.lock().clone())
    }

    async fn lasting_sessions(&self) -> Result<Vec<LastingSession>, Refusal> {
        let facts = self.log().facts.lock();
        let sessions = self.sessions.0.lock();
        let found = sessions.iter().filter(|((user, device), subscriptions)| {
            let has_fact = facts.iter().any(|state| state.user == *user && state.device == *device);
            has_fact || subscriptions.iter().any(|held| is_plain(&held.filter))
        });
        let session = |((user, device), subscriptions): (&(_, _), &Vec<_>)| LastingSession {
            user: Clone::clone(user),
            device: Clone::clone(device),
            subscriptions: subscriptions.clone(),
            ends_at: None,
        };
        Ok(found.map(session).collect())
    }
}

/// Whether a fact is written in the place of another.
fn replaces(new: &PlainState, old: &PlainState) -> bool {
    let same = match (&new.fact, &old.fact) {
        (PlainFact::Ended, _) | (PlainFact::Done(_), PlainFact::Done(_)) => true,
        (PlainFact::Since { filter: new, .. }, PlainFact::Since { filter: old, .. }) => new == old,
        (PlainFact::Flight { number: new, .. }, PlainFact::Flight { number: old, .. }) => new == old,
        (PlainFact::Taken { packet_id: new, .. }, PlainFact::Taken { packet_id: old, .. }) => new == old,
        _ => false,
    };
    same && new.user == old.user && new.device == old.device
}
