//! A journal entry: one row of a conversation's log. Encoded as versioned protobuf (`proto/longwave/v1/journal.proto`).

use bytes::Bytes;
use prost::Message as _;

use crate::conversation::{ConversationId, ConversationKind, MemberChange, Membership, Role};
use crate::ids::{DeviceId, IdError, MessageId, Seq, UserId};
use crate::pb;

/// The version written into rows. A row with a greater one is refused, never guessed at.
const VERSION: u32 = 1;

/// One entry of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it belongs.
    pub conversation: ConversationId,
    /// Its position there.
    pub seq: Seq,
    /// Unix time in milliseconds, for display only.
    pub ts: u64,
    /// Who caused it.
    pub sender: UserId,
    /// On which device; empty for a service or an operator. That device does not get the entry back.
    pub device: Option<DeviceId>,
    /// The sender's id for it, unique with (conversation, sender) for 7 days.
    pub id: Option<MessageId>,
    /// Unix time in milliseconds after which the content is gone.
    pub expires_at: Option<u64>,
    /// How a DUP resend of a publish without id is recognised.
    pub origin: Option<Origin>,
    /// What happened.
    pub content: Content,
}

/// Identity of a publish without a message id (protocol rule 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The session's incarnation: changes whenever the session starts clean.
    pub incarnation: u64,
    /// When it was sent first.
    pub first: FirstSending,
    /// The MQTT packet id.
    pub packet_id: u16,
    /// Hash of topic, properties and body.
    pub fingerprint: u64,
}

/// Names a publish within its session by the first time that it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FirstSending {
    /// The connection it came over.
    pub connection: u64,
    /// Which of that connection's publishes it was, from 1; 0 = not known, which matches nothing.
    pub number: u64,
}

impl Origin {
    /// Whether `later` is certainly the same publish sent again, on whichever connection of the session.
    #[must_use]
    pub fn is_resent_by(&self, later: &Self) -> bool {
        self.first.number > 0 && self == later
    }
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A message.
    Message(Message),
    /// The conversation begins; always seq 1.
    Created(Created),
    /// Membership or a role changed.
    Member(MemberEntry),
    /// The conversation's own facts changed.
    Updated(Updated),
}

/// A message's body and what the server may act on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Opaque to the server.
    pub body: Bytes,
    /// Media type, as given.
    pub content_type: Option<String>,
    /// Users mentioned.
    pub mentions: Vec<UserId>,
    /// No notification wanted.
    pub silent: bool,
    /// The end-to-end encryption scheme, if any: such bodies are never searched or previewed.
    pub scheme: Option<String>,
}

/// The first entry of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its kind.
    pub kind: ConversationKind,
    /// Its title, for groups and channels.
    pub title: Option<String>,
    /// Its first members, the creator included.
    pub members: Vec<Membership>,
}

/// One member's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberEntry {
    /// What was done.
    pub change: MemberChange,
    /// To whom.
    pub user: UserId,
    /// The role afterwards; the former one after removal.
    pub role: Role,
    /// The conversation's kind at that time.
    pub kind: ConversationKind,
}

/// New facts of a conversation; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Updated {
    /// Its title.
    pub title: Option<String>,
    /// Its kind: a group may become a channel, for good (protocol rule 12).
    pub kind: Option<ConversationKind>,
    /// Entries older than this many seconds are swept; `Some(0)` returns to the global setting.
    pub retention_age_seconds: Option<u64>,
    /// At most this many entries are kept; `Some(0)` returns to the global setting.
    pub retention_entries: Option<u64>,
}

/// Why bytes are not an entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Not protobuf.
    #[error("entry is not protobuf: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// Written by a newer release.
    #[error("entry has version {0}, this release knows {VERSION}")]
    Version(u32),
    /// An id inside is not one.
    #[error("entry holds a bad id: {0}")]
    Id(#[from] IdError),
    /// A part is missing or has an unknown number.
    #[error("entry lacks a valid {0}")]
    Missing(&'static str),
}

impl Entry {
    /// The row as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        pb::JournalEntry {
            version: VERSION,
            address: Some(pb::journal_entry::Address::Conversation(self.conversation.as_str().to_owned())),
            seq: self.seq.0,
            ts: self.ts,
            sender: self.sender.as_str().to_owned(),
            device: self.device.as_ref().map_or_else(String::new, |device| device.as_str().to_owned()),
            id: self.id.as_ref().map_or_else(Bytes::new, |id| id.as_bytes().clone()),
            expires_at: self.expires_at.unwrap_or(0),
            origin: self.origin.map(|origin| pb::Origin {
                incarnation: origin.incarnation,
                connection: origin.first.connection,
                packet_id: u32::from(origin.packet_id),
                fingerprint: origin.fingerprint,
                number: origin.first.number,
            }),
            content: Some(encode_content(&self.content)),
        }
        .encode_to_vec()
    }

    /// Takes a row back.
    ///
    /// # Errors
    /// [`EntryError`] when the bytes are damaged or from a newer release.
    pub fn decode(bytes: Bytes) -> Result<Self, EntryError> {
        let row = pb::JournalEntry::decode(bytes)?;
        if row.version > VERSION {
            return Err(EntryError::Version(row.version));
        }
        let Some(pb::journal_entry::Address::Conversation(conversation)) = row.address else {
            return Err(EntryError::Missing("address"));
        };
        Ok(Self {
            conversation: ConversationId::parse(&conversation)?,
            seq: Seq(row.seq),
            ts: row.ts,
            sender: UserId::parse(&row.sender)?,
            device: if row.device.is_empty() { None } else { Some(DeviceId::parse(&row.device)?) },
            id: if row.id.is_empty() { None } else { Some(MessageId::parse(row.id)?) },
            expires_at: (row.expires_at != 0).then_some(row.expires_at),
            origin: row.origin.map(decode_origin).transpose()?,
            content: decode_content(row.content.ok_or(EntryError::Missing("content"))?)?,
        })
    }

    /// The message, if it is one.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        match &self.content {
            Content::Message(message) => Some(message),
            _ => None,
        }
    }
}

fn text(option: &Option<String>) -> String {
    option.clone().unwrap_or_default()
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn encode_content(content: &Content) -> pb::journal_entry::Content {
    use pb::journal_entry::Content as Row;
    match content {
        Content::Message(message) => Row::Message(pb::MessageContent {
            body: message.body.clone(),
            content_type: text(&message.content_type),
            mentions: message.mentions.iter().map(|user| user.as_str().to_owned()).collect(),
            silent: message.silent,
            scheme: text(&message.scheme),
        }),
        Content::Created(created) => Row::Created(pb::CreatedContent {
            kind: created.kind as u32,
            title: text(&created.title),
            members: created
                .members
                .iter()
                .map(|member| pb::Membership { user: member.user.as_str().to_owned(), role: member.role as u32 })
                .collect(),
        }),
        Content::Member(member) => Row::Member(pb::MemberContent {
            change: member.change as u32,
            user: member.user.as_str().to_owned(),
            role: member.role as u32,
            kind: member.kind as u32,
        }),
        Content::Updated(updated) => Row::Updated(pb::UpdatedContent {
            title: updated.title.clone(),
            kind: updated.kind.map(|kind| kind as u32),
            retention_age_seconds: updated.retention_age_seconds,
            retention_entries: updated.retention_entries,
        }),
    }
}

fn decode_origin(origin: pb::Origin) -> Result<Origin, EntryError> {
    Ok(Origin {
        incarnation: origin.incarnation,
        first: FirstSending { connection: origin.connection, number: origin.number },
        packet_id: u16::try_from(origin.packet_id).map_err(|_| EntryError::Missing("packet id"))?,
        fingerprint: origin.fingerprint,
    })
}

fn decode_content(content: pb::journal_entry::Content) -> Result<Content, EntryError> {
    use pb::journal_entry::Content as Row;
    let role = |number| Role::from_number(number).ok_or(EntryError::Missing("role"));
    let kind = |number| ConversationKind::from_number(number).ok_or(EntryError::Missing("kind"));
    Ok(match content {
        Row::Message(message) => Content::Message(Message {
            body: message.body,
            content_type: non_empty(message.content_type),
            mentions: message.mentions.iter().map(|user| UserId::parse(user)).collect::<Result<_, _>>()?,
            silent: message.silent,
            scheme: non_empty(message.scheme),
        }),
        Row::Created(created) => Content::Created(Created {
            kind: kind(created.kind)?,
            title: non_empty(created.title),
            members: created
                .members
                .iter()
                .map(|member| Ok(Membership { user: UserId::parse(&member.user)?, role: role(member.role)? }))
                .collect::<Result<_, EntryError>>()?,
        }),
        Row::Member(member) => Content::Member(MemberEntry {
            change: MemberChange::from_number(member.change).ok_or(EntryError::Missing("change"))?,
            user: UserId::parse(&member.user)?,
            role: role(member.role)?,
            kind: kind(member.kind)?,
        }),
        Row::Updated(updated) => Content::Updated(Updated {
            title: updated.title,
            kind: updated.kind.map(kind).transpose()?,
            retention_age_seconds: updated.retention_age_seconds,
            retention_entries: updated.retention_entries,
        }),
    })
}

#[cfg(test)]
mod tests;
