//! Keys of all tables, as bytes whose order is the order of their parts.
//!
//! No id contains NUL, so NUL separates the parts; numbers are big endian. A message id may hold any byte and therefore comes last.

use longwave_model::{ConversationId, DeviceId, MessageId, Seq, ShardId, UserId};

const NUL: u8 = 0;

/// Key of a log row, and of whatever else hangs on (conversation, seq).
pub(super) fn log(conversation: &ConversationId, seq: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(conversation.as_str().len() + 9);
    key.extend_from_slice(conversation.as_str().as_bytes());
    key.push(NUL);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// Takes a log key apart.
pub(super) fn parse_log(key: &[u8]) -> Option<(ConversationId, Seq)> {
    let (front, seq) = split_number(key)?;
    Some((conversation(front.strip_suffix(&[NUL])?)?, Seq(seq)))
}

/// Key of a dedup row.
pub(super) fn dedup(conversation: &ConversationId, sender: &UserId, id: &MessageId) -> Vec<u8> {
    pair_then(conversation.as_str(), sender.as_str(), id.as_bytes())
}

/// Below and above all dedup keys of a conversation.
pub(super) fn dedup_of(conversation: &ConversationId) -> (Vec<u8>, Vec<u8>) {
    let name = conversation.as_str().as_bytes();
    ([name, &[NUL]].concat(), [name, &[NUL + 1]].concat())
}

/// Takes a dedup key apart.
pub(super) fn parse_dedup(key: &[u8]) -> Option<(ConversationId, UserId, MessageId)> {
    let mut parts = key.splitn(3, |byte| *byte == NUL);
    let (first, second, id) = (parts.next()?, parts.next()?, parts.next()?);
    Some((conversation(first)?, user(second)?, MessageId::parse(id.to_vec().into()).ok()?))
}

/// Key of the journal row that holds the positions up to `last`.
pub(super) fn journal(shard: ShardId, last: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(10);
    key.extend_from_slice(&shard.0.to_be_bytes());
    key.extend_from_slice(&last.to_be_bytes());
    key
}

/// Takes a journal key apart.
pub(super) fn parse_journal(key: &[u8]) -> Option<(ShardId, u64)> {
    let (front, last) = split_number(key)?;
    Some((ShardId(u16::from_be_bytes(front.try_into().ok()?)), last))
}

/// Key of a row of two ids: (conversation, user), (user, conversation), (user, device).
pub(super) fn pair(first: &str, second: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(first.len() + 1 + second.len());
    key.extend_from_slice(first.as_bytes());
    key.push(NUL);
    key.extend_from_slice(second.as_bytes());
    key
}

/// What all keys of `first` begin with, and no other's.
pub(super) fn prefix(first: &str) -> Vec<u8> {
    pair(first, "")
}

/// Key of a cursor, and of a push record.
pub(super) fn cursor(user: &UserId, device: &DeviceId, conversation: &ConversationId) -> Vec<u8> {
    pair_then(user.as_str(), device.as_str(), conversation.as_str().as_bytes())
}

/// What all cursor keys of a device begin with.
pub(super) fn cursor_prefix(user: &UserId, device: &DeviceId) -> Vec<u8> {
    pair_then(user.as_str(), device.as_str(), b"")
}

/// Takes the key of a cursor or of a push record apart.
pub(super) fn parse_cursor(key: &[u8]) -> Option<(UserId, DeviceId, ConversationId)> {
    let mut parts = key.splitn(3, |byte| *byte == NUL);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    Some((user(first)?, device(second)?, conversation(third)?))
}

/// Key of the row that says what expires at `at`.
pub(super) fn expiry(at: u64, log_key: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + log_key.len());
    key.extend_from_slice(&at.to_be_bytes());
    key.extend_from_slice(log_key);
    key
}

/// Takes an expiry key apart: when, and the log key.
pub(super) fn parse_expiry(key: &[u8]) -> Option<(u64, &[u8])> {
    let (at, log_key) = key.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*at), log_key))
}

/// Key of a shard's statics.
pub(super) fn shard(shard: ShardId) -> Vec<u8> {
    let mut key = b"shard\0".to_vec();
    key.extend_from_slice(&shard.0.to_be_bytes());
    key
}

/// Key of a filter's reference to a message of the plain log. A filter has no NUL [MQTT-1.5.4-2].
pub(super) fn reference(filter: &str, number: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(filter.len() + 9);
    key.extend_from_slice(filter.as_bytes());
    key.push(NUL);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The number in the key of a reference.
pub(super) fn parse_reference(key: &[u8]) -> Option<u64> {
    split_number(key).map(|(_, number)| number)
}

/// Takes a key of two ids apart.
pub(super) fn parse_pair(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = key.iter().position(|byte| *byte == NUL)?;
    Some((&key[..at], &key[at + 1..]))
}

pub(super) fn conversation(bytes: &[u8]) -> Option<ConversationId> {
    ConversationId::parse(std::str::from_utf8(bytes).ok()?).ok()
}

pub(super) fn user(bytes: &[u8]) -> Option<UserId> {
    UserId::parse(std::str::from_utf8(bytes).ok()?).ok()
}

pub(super) fn device(bytes: &[u8]) -> Option<DeviceId> {
    DeviceId::parse(std::str::from_utf8(bytes).ok()?).ok()
}

fn pair_then(first: &str, second: &str, third: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(first.len() + second.len() + third.len() + 2);
    key.extend_from_slice(first.as_bytes());
    key.push(NUL);
    key.extend_from_slice(second.as_bytes());
    key.push(NUL);
    key.extend_from_slice(third);
    key
}

fn split_number(key: &[u8]) -> Option<(&[u8], u64)> {
    let (front, number) = key.split_last_chunk::<8>()?;
    Some((front, u64::from_be_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ConversationId {
        ConversationId::parse(text).unwrap()
    }

    #[test]
    fn log_keys_sort_by_conversation_then_seq() {
        let keys = [log(&id("a"), 1), log(&id("a"), 255), log(&id("a"), 256), log(&id("a.b"), 1), log(&id("ab"), 1)];
        assert!(keys.windows(2).all(|two| two[0] < two[1]));
        assert_eq!(parse_log(&keys[2]), Some((id("a"), Seq(256))));
    }

    #[test]
    fn a_prefix_takes_in_no_neighbour() {
        let mine = prefix("al");
        assert!(pair("al", "x").starts_with(&mine));
        assert!(!pair("alice", "x").starts_with(&mine));
    }

    #[test]
    fn a_message_id_may_hold_nul() {
        let message = MessageId::parse(vec![0, 1, 0].into()).unwrap();
        let sender = UserId::parse("alice").unwrap();
        let key = dedup(&id("team"), &sender, &message);
        assert_eq!(parse_dedup(&key), Some((id("team"), sender, message)));
    }
}
