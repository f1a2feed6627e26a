//! What a position sends: a live entry, one read back from the log, or the notice that some are gone. Becomes a delivery here.

use std::sync::Arc;

use longwave_envelope::Event;
use longwave_model::{Content, ConversationId, Entry, Seq, UserId};
use longwave_port::{Delivery, DeliveryProperties, Resend, Ticket};
use longwave_topics::Encoding;

use crate::encoded::{EncodedEntry, encoded, payload};
use crate::expiry::{is_expired, seconds_left};

/// Something to send.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// It came over the bus; its encoded forms are shared.
    Live(Arc<EncodedEntry>),
    /// It was read from the log.
    Stored(Arc<Entry>),
    /// These seqs are past retention.
    Gap { from: u64, to: u64 },
}

/// Where a delivery goes.
pub(crate) struct Address<'a> {
    pub(crate) viewer: &'a UserId,
    pub(crate) conversation: &'a ConversationId,
    pub(crate) encoding: Encoding,
    pub(crate) topic: &'a Arc<str>,
}

impl Item {
    pub(crate) fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Live(live) => Some(&live.entry),
            Self::Stored(entry) => Some(entry),
            Self::Gap { .. } => None,
        }
    }

    /// The delivery, or `None` when there is nothing to send (any more) and the item counts as skipped.
    pub(crate) fn deliver(
        &self,
        address: &Address<'_>,
        now: u64,
        ticket: Option<Ticket>,
        resend: Option<Resend>,
    ) -> Option<Delivery> {
        let Address { viewer, conversation, encoding, topic } = address;
        if self.entry().is_some_and(|entry| is_expired(entry, now)) {
            return None;
        }
        let payload = match self {
            Self::Live(live) => live.payload(viewer, *encoding)?,
            Self::Stored(entry) => payload(entry, viewer, *encoding)?,
            Self::Gap { from, to } => {
                let conv = conversation.seen_by(viewer);
                encoded(*encoding, &Event::Gap { conv, from: Seq(*from), to: Seq(*to) })?
            }
        };
        let properties = self.entry().and_then(|entry| properties(entry, *encoding, now)).map(Box::new);
        Some(Delivery { topic: (*topic).clone(), payload, ticket, resend, properties, ..Delivery::default() })
    }
}

fn properties(entry: &Entry, encoding: Encoding, now: u64) -> Option<DeliveryProperties> {
    let mut properties =
        DeliveryProperties { expiry_seconds: seconds_left(entry, now), ..DeliveryProperties::default() };
    if encoding == Encoding::Raw
        && let Content::Message(message) = &entry.content
    {
        properties.content_type.clone_from(&message.content_type);
        // An id that the server made up means nothing to the receiver.
        let id = entry.id.as_ref().filter(|id| !id.is_derived());
        properties.correlation_data = id.map(|id| id.as_bytes().clone());
    }
    (properties != DeliveryProperties::default()).then_some(properties)
}
