//! A message at QoS 0 to the members of a conversation: marks and typing. Encoded once per form and shared.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use bytes::Bytes;
use longwave_envelope::Event;
use longwave_model::{ConversationId, UserId};
use longwave_topics::{Encoding, conversation_topic};

use crate::encoded::encoded;
use crate::hub::Hub;
use crate::session::{Session, event_delivery};

/// An event of a conversation on its way to several viewers; `make` says it to one who calls the conversation so.
pub(crate) struct Broadcast<'a, F> {
    conversation: &'a ConversationId,
    expiry_seconds: Option<u32>,
    forms: [OnceCell<Option<Bytes>>; 4],
    make: F,
}

impl<'a, F: Fn(Cow<'a, str>) -> Event<'a>> Broadcast<'a, F> {
    pub(crate) fn new(conversation: &'a ConversationId, expiry_seconds: Option<u32>, make: F) -> Self {
        Self { conversation, expiry_seconds, forms: Default::default(), make }
    }

    /// Queues it for a session that views the conversation as `viewer`, if it has subscribed to it in an encoding that can say it.
    pub(crate) fn to(&self, hub: &Arc<Hub>, session: &Arc<Session>, viewer: &UserId) {
        self.within(hub, session, viewer, hub.settings.events);
    }

    /// The same, while fewer than `limit` messages at QoS 0 wait.
    pub(crate) fn within(&self, hub: &Arc<Hub>, session: &Arc<Session>, viewer: &UserId, limit: usize) {
        let Some(encoding) = session.encoding_as(viewer, self.conversation) else { return };
        if let Some(payload) = self.payload(viewer, encoding) {
            let topic = conversation_topic(viewer, self.conversation, encoding);
            session.push(hub, event_delivery(topic.into(), payload, self.expiry_seconds), limit);
        }
    }

    fn payload(&self, viewer: &UserId, encoding: Encoding) -> Option<Bytes> {
        let seen = || Cow::Owned(self.conversation.seen_by(viewer).into_owned());
        let index = match encoding {
            Encoding::Raw => return None,
            Encoding::Msg => 0,
            Encoding::Json => 1,
        };
        let is_second_peer = self.conversation.peers().is_some_and(|(first, _)| first != viewer.as_str());
        let form = &self.forms[index + if is_second_peer { 2 } else { 0 }];
        form.get_or_init(|| encoded(encoding, &(self.make)(seen()))).clone()
    }
}
