//! What travels over the bus from node to node, as protobuf. A node ignores what it does not know, so that restarts can roll: sessions
//! compare what they missed.

use std::sync::Arc;

use bytes::Bytes;
use longwave_model::{ConversationId, DeviceId, Entry, Seq, UserId};
use longwave_port::{MarkSignal, Recipients, Typing};
use prost::Message as _;

/// One message to one node.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Frame {
    #[prost(oneof = "Signal", tags = "1, 2, 3, 4, 5")]
    pub(crate) signal: Option<Signal>,
    #[prost(message, optional, tag = "10")]
    pub(crate) to: Option<To>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Signal {
    /// An entry, as the journal holds it.
    #[prost(bytes = "bytes", tag = "1")]
    Entry(Bytes),
    #[prost(message, tag = "2")]
    Typing(TypingFrame),
    #[prost(message, tag = "3")]
    Mark(MarkFrame),
    /// A device has connected elsewhere.
    #[prost(message, tag = "4")]
    Close(CloseFrame),
    /// Users who came or went.
    #[prost(message, tag = "5")]
    Presence(PresenceFrame),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct To {
    #[prost(enumeration = "Kind", tag = "1")]
    kind: i32,
    #[prost(string, repeated, tag = "2")]
    users: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
enum Kind {
    Interested = 0,
    Users = 1,
    Part = 2,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TypingFrame {
    #[prost(string, tag = "1")]
    conversation: String,
    #[prost(string, tag = "2")]
    user: String,
    #[prost(string, tag = "3")]
    device: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MarkFrame {
    #[prost(string, tag = "1")]
    conversation: String,
    #[prost(string, tag = "2")]
    user: String,
    #[prost(uint64, tag = "3")]
    delivered: u64,
    #[prost(uint64, tag = "4")]
    read: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CloseFrame {
    #[prost(string, tag = "1")]
    pub(crate) user: String,
    #[prost(string, tag = "2")]
    pub(crate) device: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PresenceFrame {
    #[prost(string, repeated, tag = "1")]
    pub(crate) users: Vec<String>,
}

/// What a node is told, read back.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Entry(Arc<Entry>, Recipients),
    Typing(Typing),
    Mark(MarkSignal),
    Close(UserId, DeviceId),
    Presence(Vec<UserId>),
}

impl Frame {
    pub(crate) fn new(signal: Signal, to: Option<&Recipients>) -> Self {
        Self { signal: Some(signal), to: to.map(To::new) }
    }

    pub(crate) fn encode(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    /// Reads a message; `None` when it is damaged or of a newer release.
    pub(crate) fn read(bytes: Bytes) -> Option<Told> {
        let frame = <Self as prost::Message>::decode(bytes).ok()?;
        let to = || frame.to.as_ref().and_then(To::recipients);
        Some(match frame.signal? {
            Signal::Entry(entry) => Told::Entry(Arc::new(Entry::decode(entry).ok()?), to()?),
            Signal::Typing(typing) => Told::Typing(Typing {
                conversation: ConversationId::parse(&typing.conversation).ok()?,
                user: UserId::parse(&typing.user).ok()?,
                device: match typing.device.as_str() {
                    "" => None,
                    device => Some(DeviceId::parse(device).ok()?),
                },
                to: to()?,
            }),
            Signal::Mark(mark) => Told::Mark(MarkSignal {
                conversation: ConversationId::parse(&mark.conversation).ok()?,
                user: UserId::parse(&mark.user).ok()?,
                delivered: Seq(mark.delivered),
                read: Seq(mark.read),
                to: to()?,
            }),
            Signal::Close(close) => Told::Close(UserId::parse(&close.user).ok()?, DeviceId::parse(&close.device).ok()?),
            Signal::Presence(presence) => Told::Presence(users(&presence.users)?),
        })
    }
}

impl To {
    fn new(to: &Recipients) -> Self {
        let (kind, users) = match to {
            Recipients::Interested => (Kind::Interested, &[][..]),
            Recipients::Users(users) => (Kind::Users, users.as_slice()),
            Recipients::Part(users) => (Kind::Part, users.as_slice()),
        };
        Self { kind: kind.into(), users: users.iter().map(|user| user.as_str().to_owned()).collect() }
    }

    fn recipients(&self) -> Option<Recipients> {
        let users = users(&self.users)?;
        Some(match self.kind() {
            Kind::Interested => Recipients::Interested,
            Kind::Users => Recipients::Users(Arc::new(users)),
            Kind::Part => Recipients::Part(Arc::new(users)),
        })
    }
}

impl TypingFrame {
    pub(crate) fn new(typing: &Typing) -> Self {
        Self {
            conversation: typing.conversation.as_str().to_owned(),
            user: typing.user.as_str().to_owned(),
            device: typing.device.as_ref().map_or_else(String::new, |device| device.as_str().to_owned()),
        }
    }
}

impl MarkFrame {
    pub(crate) fn new(mark: &MarkSignal) -> Self {
        Self {
            conversation: mark.conversation.as_str().to_owned(),
            user: mark.user.as_str().to_owned(),
            delivered: mark.delivered.0,
            read: mark.read.0,
        }
    }
}

fn users(texts: &[String]) -> Option<Vec<UserId>> {
    texts.iter().map(|text| UserId::parse(text).ok()).collect()
}
