//! Events to devices: what a delivery on `u/{user}/c/{conversation}/{encoding}` says.
//!
//! Events borrow from the entry and are written straight into a buffer: this runs once per entry and viewer. All viewers of a group or
//! channel see the same bytes; only in a direct conversation does `conv` depend on the viewer.

use std::borrow::Cow;

use bytes::Bytes;
use longwave_model::{
    Content, ConversationKind, DeviceId, Entry, ErrorCode, MemberChange, Message, MessageId, Role, Seq, UserId,
};
use longwave_topics::Encoding;

mod json;
mod protobuf;

/// What a device is told. `conv` is the conversation as the viewer names it (`@peer` for a direct one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message.
    Message(MessageEvent<'a>),
    /// A publish of this device has been stored.
    Receipt {
        /// Where.
        conv: Cow<'a, str>,
        /// The message id it was published with.
        id: &'a MessageId,
        /// The seq it has.
        seq: Seq,
        /// Unix time in milliseconds at which it got it.
        ts: u64,
    },
    /// A member's marks have risen.
    Mark {
        /// Where.
        conv: Cow<'a, str>,
        /// Whose marks.
        from: &'a UserId,
        /// Delivered to a device of `from` up to here; [`Seq::ZERO`] leaves it out.
        delivered: Seq,
        /// Read by `from` up to here; [`Seq::ZERO`] leaves it out.
        read: Seq,
    },
    /// A member is typing.
    Typing {
        /// Where.
        conv: Cow<'a, str>,
        /// Who.
        from: &'a UserId,
    },
    /// Membership or a role has changed.
    Member {
        /// Where.
        conv: Cow<'a, str>,
        /// The entry's position.
        seq: Seq,
        /// Who did it.
        from: &'a UserId,
        /// Unix time in milliseconds.
        ts: u64,
        /// What was done.
        change: MemberChange,
        /// To whom.
        user: &'a UserId,
        /// The role afterwards; the former one after removal.
        role: Role,
    },
    /// The conversation was created, or its facts have changed.
    Conversation {
        /// Which.
        conv: Cow<'a, str>,
        /// The entry's position.
        seq: Seq,
        /// Who did it.
        from: &'a UserId,
        /// Unix time in milliseconds.
        ts: u64,
        /// Which of the two.
        change: ConversationChange,
        /// Its kind, if that is new.
        kind: Option<ConversationKind>,
        /// Its title, if that is new; empty when it was taken away.
        title: Option<&'a str>,
    },
    /// Entries that are no longer kept.
    Gap {
        /// Where.
        conv: Cow<'a, str>,
        /// The first that is gone.
        from: Seq,
        /// The last that is gone.
        to: Seq,
    },
    /// A publish of this device has been refused.
    Error {
        /// Where, if the topic named a conversation.
        conv: Option<Cow<'a, str>>,
        /// The message id it was published with, if one could be read.
        id: Option<&'a MessageId>,
        /// The number; its page is `docs/errors/<number>.md`.
        code: ErrorCode,
        /// One sentence.
        reason: &'a str,
    },
}

/// A message as its viewer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageEvent<'a> {
    /// Where.
    pub conv: Cow<'a, str>,
    /// Its position.
    pub seq: Seq,
    /// The sender's id for it.
    pub id: Option<&'a MessageId>,
    /// Who sent it.
    pub from: &'a UserId,
    /// On which device.
    pub device: Option<&'a DeviceId>,
    /// Unix time in milliseconds.
    pub ts: u64,
    /// Body and what belongs to it.
    pub message: &'a Message,
    /// Unix time in milliseconds after which the content is gone.
    pub expires_at: Option<u64>,
}

/// What happened to a conversation itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationChange {
    /// It exists now.
    Created,
    /// Title, kind or retention is new.
    Updated,
}

impl ConversationChange {
    /// The name used on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
        }
    }
}

/// An event ready to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The payload.
    pub payload: Bytes,
    /// MQTT 5 Content Type; on `raw` only.
    pub content_type: Option<String>,
    /// MQTT 5 Correlation Data: the message id, on `raw` only.
    pub correlation_data: Option<Bytes>,
}

/// The event that tells `viewer` of an entry. `None` for an entry that is delivered in no encoding and counts as skipped: the creation
/// entry of a direct conversation, which is always its seq 1.
#[must_use]
pub fn from_entry<'a>(entry: &'a Entry, viewer: &UserId) -> Option<Event<'a>> {
    let conv = entry.conversation.seen_by(viewer);
    let (seq, from, ts) = (entry.seq, &entry.sender, entry.ts);
    Some(match &entry.content {
        Content::Message(message) => Event::Message(MessageEvent {
            conv,
            seq,
            // One that the server made up means nothing to anybody else.
            id: entry.id.as_ref().filter(|id| !id.is_derived()),
            from,
            device: entry.device.as_ref(),
            ts,
            message,
            expires_at: entry.expires_at,
        }),
        Content::Created(created) if created.kind == ConversationKind::Direct => return None,
        Content::Created(created) => Event::Conversation {
            conv,
            seq,
            from,
            ts,
            change: ConversationChange::Created,
            kind: Some(created.kind),
            title: created.title.as_deref(),
        },
        Content::Member(member) => {
            Event::Member { conv, seq, from, ts, change: member.change, user: &member.user, role: member.role }
        }
        Content::Updated(updated) => Event::Conversation {
            conv,
            seq,
            from,
            ts,
            change: ConversationChange::Updated,
            kind: updated.kind,
            title: updated.title.as_deref(),
        },
    })
}

/// Writes an event. `None` when the encoding has no form for it: `raw` carries messages only, and such an entry counts as skipped.
#[must_use]
pub fn encode_event(encoding: Encoding, event: &Event<'_>) -> Option<Encoded> {
    let plain = |payload| Some(Encoded { payload, content_type: None, correlation_data: None });
    match (encoding, event) {
        (Encoding::Raw, Event::Message(event)) => Some(Encoded {
            payload: event.message.body.clone(),
            content_type: event.message.content_type.clone(),
            correlation_data: event.id.map(|id| id.as_bytes().clone()),
        }),
        (Encoding::Raw, _) => None,
        (Encoding::Json, event) => plain(json::encode(event)),
        (Encoding::Msg, event) => plain(protobuf::encode(event)),
    }
}

/// As in the JSON encoding, so that results of requests show entries in the same form.
impl serde::Serialize for Event<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize(self, serializer)
    }
}

#[cfg(test)]
mod tests;
