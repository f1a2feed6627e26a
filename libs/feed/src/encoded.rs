//! An entry with its encoded forms, each made once by the first session that needs it and shared by all others.
//!
//! All viewers of a group or channel see the same bytes; of a direct conversation there are two forms, one per peer. `raw` is
//! the body itself and shares the entry's own bytes.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use longwave_envelope::{Event, encode_event, from_entry};
use longwave_model::{Content, Entry, UserId};
use longwave_topics::Encoding;

/// An entry on its way to many sessions.
#[derive(Debug)]
pub(crate) struct EncodedEntry {
    pub(crate) entry: Arc<Entry>,
    forms: [OnceLock<Option<Bytes>>; 4],
}

impl EncodedEntry {
    pub(crate) fn new(entry: Arc<Entry>) -> Arc<Self> {
        Arc::new(Self { entry, forms: Default::default() })
    }

    /// The payload for `viewer`; `None` when there is none in this encoding.
    pub(crate) fn payload(&self, viewer: &UserId, encoding: Encoding) -> Option<Bytes> {
        let encoding_index = match encoding {
            Encoding::Raw => return payload(&self.entry, viewer, encoding),
            Encoding::Msg => 0,
            Encoding::Json => 1,
        };
        let is_second_peer = self.entry.conversation.peers().is_some_and(|(first, _)| first != viewer.as_str());
        let form = &self.forms[encoding_index + if is_second_peer { 2 } else { 0 }];
        form.get_or_init(|| payload(&self.entry, viewer, encoding)).clone()
    }
}

/// The payload of an entry for `viewer`; `None` when there is none in this encoding.
pub(crate) fn payload(entry: &Entry, viewer: &UserId, encoding: Encoding) -> Option<Bytes> {
    match (encoding, &entry.content) {
        (Encoding::Raw, Content::Message(message)) => Some(message.body.clone()),
        _ => encoded(encoding, &from_entry(entry, viewer)?),
    }
}

/// The payload of an event; `None` when there is none in this encoding.
pub(crate) fn encoded(encoding: Encoding, event: &Event<'_>) -> Option<Bytes> {
    Some(encode_event(encoding, event)?.payload)
}

/// Whether an entry is delivered in this encoding at all; if not it counts as skipped.
pub(crate) fn is_delivered(entry: &Entry, viewer: &UserId, encoding: Encoding) -> bool {
    match (encoding, &entry.content) {
        (_, Content::Message(_)) => true,
        (Encoding::Raw, _) => false,
        _ => from_entry(entry, viewer).is_some(),
    }
}
