//! Retained messages: in memory for look-ups, in the store for the next start. A change is seen at once and acknowledged when it is
//! durable; one task writes what has come up meanwhile as one commit.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use longwave_model::{ErrorCode, Refusal};
use longwave_port::{Answer, PlainMessage, PlainStore};
use longwave_topic_index::TopicMap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tracing::warn;

use super::hold::Hold;
use super::settings::RouteSettings;
use super::stats::RouteStats;

/// All of them.
#[derive(Default)]
pub(super) struct Retained {
    known: RwLock<Known>,
    unwritten: Mutex<Unwritten>,
    wake: Notify,
}

#[derive(Default)]
struct Known {
    messages: TopicMap<Arc<PlainMessage>>,
    expiries: BTreeSet<(u64, Arc<str>)>,
    bytes: usize,
}

#[derive(Default)]
struct Unwritten {
    changes: HashMap<Arc<str>, Option<Arc<PlainMessage>>>,
    waiting: Vec<Arc<Hold>>,
}

impl Retained {
    /// What the store has at the start.
    pub(super) fn load(&self, messages: Vec<PlainMessage>, stats: &RouteStats) {
        let mut known = self.known.write();
        for message in messages {
            known.set(Arc::new(message));
        }
        known.report(stats);
    }

    /// Makes a message the retained one of its topic, or with an empty payload leaves the topic without [MQTT-3.3.1-6] [MQTT-3.3.1-7].
    ///
    /// # Errors
    /// A [`Refusal`] when there is no room; nothing has changed then.
    pub(super) fn change(
        &self,
        message: &Arc<PlainMessage>,
        settings: &RouteSettings,
        stats: &RouteStats,
    ) -> Result<(), Refusal> {
        let kept = (!message.payload.is_empty()).then(|| message.clone());
        let mut known = self.known.write();
        match &kept {
            Some(message) => {
                let before = known.messages.get(&message.topic).map(|before| size(before));
                let messages = known.messages.len() + usize::from(before.is_none());
                let bytes = known.bytes + size(message) - before.unwrap_or(0);
                if messages > settings.retained_messages || bytes > settings.retained_bytes {
                    return Err(Refusal::new(ErrorCode::RetainedFull, "as much is retained as may be"));
                }
                known.set(message.clone());
            }
            None => {
                if !known.unset(&message.topic) {
                    return Ok(());
                }
            }
        }
        known.report(stats);
        // Under the same lock, so that the store gets the changes of a topic in this order.
        self.unwritten.lock().changes.insert(message.topic.clone(), kept);
        Ok(())
    }

    /// Lets go of the answer to a publish when what was changed so far is durable.
    pub(super) fn answer_when_durable(&self, answer: Option<Arc<Hold>>) {
        if let Some(answer) = answer {
            answer.await_store();
            self.unwritten.lock().waiting.push(answer);
        }
        self.wake.notify_one();
    }

    /// Sees to it that what was changed is written, with nobody waiting.
    pub(super) fn write_soon(&self) {
        self.wake.notify_one();
    }

    /// The messages that match a filter.
    pub(super) fn matching(&self, filter: &str, now: u64) -> Vec<Arc<PlainMessage>> {
        let known = self.known.read();
        let mut found = Vec::new();
        known.messages.for_each_match(filter, |message| {
            if message.expires_at.is_none_or(|at| at > now) {
                found.push(message.clone());
            }
            true
        });
        found
    }

    /// Removes those that have expired.
    pub(super) fn expire(&self, now: u64, stats: &RouteStats) {
        if self.known.read().expiries.first().is_none_or(|(at, _)| *at > now) {
            return;
        }
        let mut known = self.known.write();
        while let Some((_, topic)) = known.expiries.first().filter(|(at, _)| *at <= now).cloned() {
            known.unset(&topic);
            self.unwritten.lock().changes.insert(topic, None);
        }
        known.report(stats);
        self.wake.notify_one();
    }

    /// Writes changes as long as it is let.
    pub(super) async fn write_all(self: Arc<Self>, store: Arc<dyn PlainStore>) {
        loop {
            self.wake.notified().await;
            let Unwritten { changes, waiting } = std::mem::take(&mut *self.unwritten.lock());
            let batch: Vec<_> = changes.iter().map(|(topic, kept)| (topic.clone(), kept.clone())).collect();
            let outcome = if batch.is_empty() { Ok(()) } else { store.retain(batch).await };
            if outcome.is_err() {
                // Before anybody is told: a publish whose change this was may have come too late for this round's answer.
                let mut unwritten = self.unwritten.lock();
                for (topic, kept) in changes {
                    unwritten.changes.entry(topic).or_insert(kept);
                }
            }
            if let Err(refusal) = &outcome {
                for answer in &waiting {
                    answer.answer(Answer::Refused { refusal: refusal.clone(), notice: None });
                }
            }
            // Answered when the log has it too, where it has to.
            waiting.iter().for_each(|answer| answer.stored());
            drop(waiting);
            if let Err(refusal) = outcome {
                warn!(code = refusal.code.number(), reason = %refusal.reason, "retained messages not stored");
            }
        }
    }
}

impl Known {
    fn set(&mut self, message: Arc<PlainMessage>) {
        self.unset(&message.topic);
        self.bytes += size(&message);
        if let Some(at) = message.expires_at {
            self.expiries.insert((at, message.topic.clone()));
        }
        self.messages.insert(&message.topic.clone(), message);
    }

    fn unset(&mut self, topic: &str) -> bool {
        let Some(before) = self.messages.remove(topic) else { return false };
        self.bytes -= size(&before);
        if let Some(at) = before.expires_at {
            self.expiries.remove(&(at, before.topic.clone()));
        }
        true
    }

    fn report(&self, stats: &RouteStats) {
        stats.retained_messages.set(i64::try_from(self.messages.len()).unwrap_or(i64::MAX));
        stats.retained_bytes.set(i64::try_from(self.bytes).unwrap_or(i64::MAX));
    }
}

fn size(message: &PlainMessage) -> usize {
    message.topic.len() + message.payload.len()
}
