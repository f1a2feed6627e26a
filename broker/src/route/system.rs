//! What the server tells of itself under `$SYS/`: state, of which a subscriber gets the present values at once and then what changes.
//!
//! Nothing of it is stored, and it is granted at QoS 0: the next value comes anyway.

use std::sync::Arc;

use bytes::Bytes;
use longwave_model::{DeviceId, ErrorCode, Refusal, UserId};
use longwave_port::{Asker, PlainMessage, Sender, Subscription, is_system, shared};
use longwave_topic_index::TopicMap;
use parking_lot::RwLock;

use super::router::{Router, To};

/// The present values.
#[derive(Default)]
pub(super) struct System(RwLock<TopicMap<Arc<PlainMessage>>>);

impl System {
    /// The values that match a filter.
    pub(super) fn matching(&self, filter: &str) -> Vec<Arc<PlainMessage>> {
        let mut found = Vec::new();
        self.0.read().for_each_match(filter, |message| {
            found.push(message.clone());
            true
        });
        found
    }

    /// The message that tells a new value; none when it is the old one.
    fn change(&self, topic: &str, value: String, from: &Arc<Sender>) -> Option<Arc<PlainMessage>> {
        let mut values = self.0.write();
        if values.get(topic).is_some_and(|told| told.payload == value.as_bytes()) {
            return None;
        }
        let message = Arc::new(PlainMessage {
            topic: topic.into(),
            payload: Bytes::from(value),
            qos: 0,
            retain: true,
            from: from.clone(),
            expires_at: None,
            properties: None,
        });
        values.insert(topic, message.clone());
        Some(message)
    }
}

impl Router {
    /// Tells values by topic under `$SYS/`; only those go out that have changed.
    pub fn tell(&self, values: impl IntoIterator<Item = (String, String)>) {
        let Some(from) = server() else { return };
        for (topic, value) in values {
            if let Some(message) = self.system.change(&topic, value, &from)
                && self.is_heard(&topic)
            {
                // At QoS 0 there is nothing to store.
                let _ = self.route(&message, &mut || None);
            }
        }
    }

    /// Sessions that use plain topics and are not connected.
    #[must_use]
    pub fn sessions_away(&self) -> usize {
        self.subscribers.lock().values().filter(|subscriber| !subscriber.is_connected()).count()
    }

    /// Whether a connected session wants a topic. What nobody hears is to be in no counter of drops.
    fn is_heard(&self, topic: &str) -> bool {
        let mut heard = false;
        self.index.read().for_each_match(topic, |_, target| {
            heard |= match &target.to {
                To::One(subscriber) => subscriber.is_connected(),
                To::Group(_) => true,
            };
        });
        heard
    }

    /// Whether somebody may subscribe under `$SYS/`.
    ///
    /// # Errors
    /// A [`Refusal`] when not.
    pub(super) fn may_watch(&self, asker: Asker<'_>) -> Result<(), Refusal> {
        match self.parts.access.is_administrator(asker) {
            true => Ok(()),
            false => Err(Refusal::new(ErrorCode::NotYourTopic, "only administrators read $SYS/")),
        }
    }
}

/// Nobody publishes under `$SYS/` but the server.
///
/// # Errors
/// A [`Refusal`] for such a topic.
pub(super) fn not_system(topic: &str) -> Result<(), Refusal> {
    match is_system(topic) {
        true => Err(Refusal::new(ErrorCode::NotYourTopic, "only the server publishes under $SYS/")),
        false => Ok(()),
    }
}

/// A subscription with the QoS that it can have.
pub(super) fn at_its_qos(subscription: Subscription) -> Subscription {
    let filter = shared(&subscription.filter).map_or(&*subscription.filter, |(_, filter)| filter);
    if is_system(filter) { Subscription { qos: 0, ..subscription } } else { subscription }
}

/// Who the messages are from. No device can be called so: its connection would have to come from this user, whose name is reserved for nobody, and
/// all it could do is not to hear them (No Local).
fn server() -> Option<Arc<Sender>> {
    let (user, device) = (UserId::parse("longwave").ok()?, DeviceId::parse("$SYS").ok()?);
    Some(Arc::new(Sender { user, device, service: true, incarnation: 0, connection: 0 }))
}
