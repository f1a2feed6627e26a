//! Publishes: those on plain topics are checked, kept if they are to be, and routed; all others go on to the gate behind.

use std::sync::Arc;

use longwave_model::{ErrorCode, Refusal};
use longwave_port::{Answer, Asker, Completion, Gate, Guarantee, PlainMessage, Publish, is_plain};

use super::hold::{self, Hold};
use super::log::Entry;
use super::router::Router;
use super::system::not_system;
use super::taking::{Arrival, taken};

impl Gate for Router {
    fn publish(&self, publish: Publish, completion: Completion) {
        if !is_plain(&publish.topic) {
            if publish.retain {
                let reason = "nothing is retained under u/: conversations keep their messages anyway";
                return self.refuse(completion, Refusal::new(ErrorCode::RetainUnavailable, reason));
            }
            return self.parts.gate.publish(publish, completion);
        }
        if let Err(refusal) = self.may_publish(&publish).and_then(|()| self.has_room()) {
            return self.refuse(completion, refusal);
        }
        match self.arrives(&publish) {
            Arrival::First => {}
            // Unanswered, it comes again.
            Arrival::Pending => return drop(completion),
            Arrival::Done => return completion.complete(hold::done()),
        }
        let retain = publish.retain;
        let taken = taken(&publish);
        let message = Arc::new(self.message(publish));
        if retain && let Err(refusal) = self.retained.change(&message, &self.parts.settings, &self.parts.stats) {
            if let Some(taken) = &taken {
                self.settle(taken, false);
            }
            return self.refuse(completion, refusal);
        }
        let mut completion = Some(completion);
        let mut held: Option<Arc<Hold>> = None;
        let entry = self.route(&message, &mut || {
            if retain {
                return None;
            }
            if held.is_none() {
                held = completion.take().map(Hold::new);
                if let Some(held) = &held {
                    // Whether something is to be stored is known when everybody was asked.
                    held.await_store();
                    self.hold(held);
                }
            }
            held.clone()
        });
        if let Some(taken) = taken.as_ref().filter(|_| entry.is_none()) {
            self.settle(taken, true);
        }
        if retain {
            self.retained.write_soon();
        }
        let asked = held.clone();
        match (entry, retain) {
            (None, false) => {
                if let Some(completion) = completion {
                    completion.complete(hold::done());
                }
            }
            (None, true) => self.retained.answer_when_durable(completion.map(Hold::new)),
            (Some(entry), _) => {
                let answer = held.or_else(|| completion.map(Hold::new));
                if retain {
                    self.retained.answer_when_durable(answer.clone());
                }
                if taken.is_some()
                    && let Some(subscriber) = self.known(&message.from)
                {
                    subscriber.state.lock().has_facts = true;
                }
                self.log.publish(Entry { answer, taken, ..entry });
            }
        }
        if let Some(held) = asked {
            held.stored();
        }
    }
}

impl Router {
    /// Whether a topic or filter has no more levels than may be.
    ///
    /// # Errors
    /// A [`Refusal`] when it has.
    pub(super) fn check_levels(&self, name: &str) -> Result<(), Refusal> {
        let most = self.parts.settings.levels;
        if name.bytes().filter(|byte| *byte == b'/').count() < most {
            return Ok(());
        }
        Err(Refusal::new(ErrorCode::BadFilter, format!("a topic has at most {most} levels")))
    }

    fn may_publish(&self, publish: &Publish) -> Result<(), Refusal> {
        self.check_publish((&*publish.sender).into(), &publish.topic, publish.retain)
    }

    /// Whether somebody may publish to a topic, now or by a will.
    ///
    /// # Errors
    /// A [`Refusal`] when not.
    pub(super) fn check_publish(&self, asker: Asker<'_>, topic: &str, retain: bool) -> Result<(), Refusal> {
        not_system(topic)?;
        self.check_levels(topic)?;
        self.parts.access.may_publish(asker, topic, retain)
    }

    /// Whether the store keeps up.
    fn has_room(&self) -> Result<(), Refusal> {
        if self.log.waiting() <= self.parts.settings.unstored_bytes {
            return Ok(());
        }
        Err(Refusal::new(ErrorCode::Overloaded, "more is published than can be stored; try again"))
    }

    fn refuse(&self, completion: Completion, refusal: Refusal) {
        self.parts.stats.refused.add(1);
        completion.complete(Answer::Refused { refusal, notice: None });
    }

    fn message(&self, publish: Publish) -> PlainMessage {
        let expiry = publish.properties.as_ref().and_then(|properties| properties.expiry_seconds);
        PlainMessage {
            topic: publish.topic,
            payload: publish.payload,
            qos: match publish.guarantee {
                Guarantee::AtMostOnce => 0,
                Guarantee::AtLeastOnce { .. } => 1,
                Guarantee::ExactlyOnce { .. } => 2,
            },
            retain: publish.retain,
            from: publish.sender,
            expires_at: self.expires_at(expiry),
            properties: publish.properties,
        }
    }

    /// When something expires that has so many seconds to live.
    pub(super) fn expires_at(&self, seconds: Option<u32>) -> Option<u64> {
        seconds.map(|seconds| self.now().saturating_add(u64::from(seconds) * 1_000))
    }
}
