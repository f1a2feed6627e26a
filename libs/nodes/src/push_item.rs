//! What a bridge puts into a stream for push workers, as protobuf.

use std::sync::Arc;

use bytes::Bytes;
use longwave_model::{Content, ConversationId, Entry, Seq, UserId};
use longwave_port::PushMessage;
use prost::Message as _;

/// Bytes of a body that travel: more is never shown.
const SHOWN: usize = 1_024;

/// Messages of one append, or what members have read.
#[derive(Clone, PartialEq, prost::Message)]
struct PushItem {
    #[prost(message, repeated, tag = "1")]
    messages: Vec<MessageItem>,
    #[prost(message, repeated, tag = "2")]
    reads: Vec<ReadItem>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadItem {
    #[prost(string, tag = "1")]
    conversation: String,
    #[prost(string, tag = "2")]
    user: String,
    #[prost(uint64, tag = "3")]
    seq: u64,
}

/// A member has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) conversation: ConversationId,
    pub(crate) user: UserId,
    pub(crate) seq: Seq,
}

/// What an item holds.
pub(crate) struct Handed {
    pub(crate) messages: Vec<PushMessage>,
    pub(crate) reads: Vec<Read>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MessageItem {
    /// An entry as the journal holds it, its body cut.
    #[prost(bytes = "bytes", tag = "1")]
    entry: Bytes,
    #[prost(string, repeated, tag = "2")]
    users: Vec<String>,
}

/// The bytes of a hand-over.
pub(crate) fn encode(messages: &[PushMessage]) -> Bytes {
    let item = |message: &PushMessage| MessageItem {
        entry: slim(&message.entry).encode().into(),
        users: message.to.iter().map(|user| user.as_str().to_owned()).collect(),
    };
    PushItem { messages: messages.iter().map(item).collect(), reads: Vec::new() }.encode_to_vec().into()
}

/// The bytes of reads.
pub(crate) fn encode_reads(reads: &[Read]) -> Bytes {
    let item = |read: &Read| ReadItem {
        conversation: read.conversation.as_str().to_owned(),
        user: read.user.as_str().to_owned(),
        seq: read.seq.0,
    };
    PushItem { messages: Vec::new(), reads: reads.iter().map(item).collect() }.encode_to_vec().into()
}

/// Takes either back; `None` for what this release does not understand.
pub(crate) fn decode(item: &[u8]) -> Option<Handed> {
    let item = PushItem::decode(item).ok()?;
    let messages = item.messages.into_iter().map(message).collect::<Option<_>>()?;
    let reads = item.reads.into_iter().map(read).collect::<Option<_>>()?;
    Some(Handed { messages, reads })
}

fn read(item: ReadItem) -> Option<Read> {
    let conversation = ConversationId::parse(&item.conversation).ok()?;
    Some(Read { conversation, user: UserId::parse(&item.user).ok()?, seq: Seq(item.seq) })
}

fn message(item: MessageItem) -> Option<PushMessage> {
    let entry = Arc::new(Entry::decode(item.entry).ok()?);
    let to = item.users.iter().map(|user| UserId::parse(user)).collect::<Result<Vec<_>, _>>().ok()?;
    Some(PushMessage { entry, to: Arc::new(to) })
}

fn slim(entry: &Entry) -> Entry {
    let mut slim = entry.clone();
    if let Content::Message(message) = &mut slim.content
        && message.body.len() > SHOWN
    {
        // A text is cut between two characters, and anything else is not shown anyway.
        let end = match std::str::from_utf8(&message.body[..SHOWN]) {
            Ok(_) => SHOWN,
            Err(error) => error.valid_up_to(),
        };
        message.body.truncate(end);
    }
    slim
}

#[cfg(test)]
mod tests {
    use super::*;
    use longwave_model::Message;

    #[test]
    fn messages_come_back_with_as_much_text_as_may_be_shown() {
        let user = |name: &str| UserId::parse(name).unwrap();
        let message = |body: String| PushMessage {
            entry: Arc::new(Entry {
                conversation: ConversationId::direct(&user("alice"), &user("bob")),
                seq: Seq(7),
                ts: 9,
                sender: user("alice"),
                device: None,
                id: None,
                expires_at: Some(5),
                origin: None,
                content: Content::Message(Message { body: body.into(), silent: true, ..Message::default() }),
            }),
            to: Arc::new(vec![user("alice"), user("bob")]),
        };
        let sent = [message("short".to_owned()), message("é".repeat(1_000))];
        let back = decode(&encode(&sent)).unwrap().messages;
        assert_eq!(back[0].entry, sent[0].entry);
        assert_eq!(back[1].to, sent[1].to);
        let body = &back[1].entry.message().unwrap().body;
        assert_eq!(std::str::from_utf8(body).unwrap().chars().count(), 512);
        assert!(decode(b"\xff").is_none());
        let read = Read { conversation: sent[0].entry.conversation.clone(), user: user("bob"), seq: Seq(4) };
        let back = decode(&encode_reads(std::slice::from_ref(&read))).unwrap();
        assert_eq!((back.reads, back.messages.len()), (vec![read], 0));
    }
}
