//! Wills: kept while the connection lives, published when it ends without a good-bye, after their delay or with the session, whichever
//! comes first [MQTT-3.1.3-9]. They are stored, so that the end of the server counts as the end of every connection.

use std::sync::Arc;

use longwave_port::{Answer, PlainMessage, Sender, StoredWill, Will};
use tracing::warn;

use super::hold::Hold;
use super::log::Entry;
use super::router::Router;
use super::subscriber::Subscriber;
use super::timers::{Due, Job};

impl Router {
    /// Wills that an earlier process left: their clients have a moment to come back.
    pub(super) fn expect_back(&self, wills: Vec<StoredWill>) {
        let now = self.now();
        let grace = u64::try_from(self.parts.settings.will_grace.as_millis()).unwrap_or(u64::MAX);
        for StoredWill { user, device, expiry_seconds, will } in wills {
            // Whoever comes back gets a sender of its own; this one only says whose the will is.
            let sender = Arc::new(Sender { user, device, service: false, incarnation: 0, connection: 0 });
            let subscriber = self.subscriber(&sender);
            let after = |seconds: u32| now.saturating_add(u64::from(seconds) * 1_000);
            self.timers.add(after(will.delay_seconds.min(expiry_seconds)).max(now + grace), &subscriber, Due::Will);
            if expiry_seconds < u32::MAX {
                self.timers.add(after(expiry_seconds).max(now + grace), &subscriber, Due::End);
            }
            subscriber.state.lock().will = Some(Box::new(will));
        }
    }

    pub(super) async fn do_job(&self, job: &Job) {
        if !job.is_valid() {
            return;
        }
        match job.due {
            Due::Will => self.publish_will(&job.subscriber).await,
            Due::End => {
                self.parts.stats.expired_sessions.add(1);
                self.end(&job.subscriber).await;
            }
        }
    }

    /// Publishes a session's will, if it still has one.
    pub(super) async fn publish_will(&self, subscriber: &Arc<Subscriber>) {
        let Some(will) = subscriber.state.lock().will.take() else { return };
        let message = Arc::new(self.will_message(*will, subscriber.sender.clone()));
        self.parts.stats.wills.add(1);
        if message.retain {
            match self.retained.change(&message, &self.parts.settings, &self.parts.stats) {
                Ok(()) => self.retained.write_soon(),
                Err(refusal) => warn!(code = refusal.code.number(), "a will is not retained"),
            }
        }
        // Stored before the will is forgotten: else a crash between the two would lose it.
        if let Some(entry) = self.route(&message, &mut || None) {
            let (answer, answered) = Hold::awaited();
            self.log.publish(Entry { answer: Some(answer), ..entry });
            if !matches!(answered.await, Ok(Answer::Done { .. })) {
                warn!(user = %subscriber.sender.user, "a will could not be stored; it is published again after the next start");
                return;
            }
        }
        self.forget_will(subscriber).await;
    }

    /// Takes a will out of the store. One that stays by a fault of the store is published once more after the next start.
    pub(super) async fn forget_will(&self, subscriber: &Subscriber) {
        let sender = &subscriber.sender;
        if let Err(refusal) = self.parts.store.drop_will(&sender.user, &sender.device).await {
            warn!(user = %sender.user, device = %sender.device, code = refusal.code.number(), "a will stays in the store");
        }
    }

    fn will_message(&self, will: Will, from: Arc<Sender>) -> PlainMessage {
        let expiry = will.properties.as_ref().and_then(|properties| properties.expiry_seconds);
        PlainMessage {
            topic: will.topic,
            payload: will.payload,
            qos: will.qos,
            retain: will.retain,
            from,
            expires_at: self.expires_at(expiry),
            properties: will.properties,
        }
    }
}
