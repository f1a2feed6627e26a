//! What the tests of this crate share.

use bytes::Bytes;
use longwave_model::{Content, ConversationId, DeviceId, Entry, Message, Seq, UserId};

/// A message without an id or expiry.
pub(crate) fn message(conversation: &str, seq: u64, sender: &str) -> Entry {
    Entry {
        conversation: ConversationId::parse(conversation).unwrap(),
        seq: Seq(seq),
        ts: 1,
        sender: UserId::parse(sender).unwrap(),
        device: Some(DeviceId::parse("sending-device").unwrap()),
        id: None,
        expires_at: None,
        origin: None,
        content: Content::Message(Message { body: Bytes::from(format!("message {seq}")), ..Message::default() }),
    }
}
