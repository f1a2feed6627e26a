//! Shards, their journals' positions, and the fence. Which shard a conversation belongs to never changes.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::conversation::ConversationId;

/// A fixed share of all conversations.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ShardId(pub u16);

/// Counts the owners of a shard; every append of an owner is fenced by its epoch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Epoch(pub u64);

/// Position in a shard's journal: 1, 2, 3 … 0 means "empty".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Position(pub u64);

/// Names a would-be owner; random per process start (protocol rule 2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OwnerId(pub u128);

/// The shard of a conversation among `shards`.
#[must_use]
pub fn shard_of(conversation: &ConversationId, shards: u16) -> ShardId {
    let hash = xxh3_64(conversation.as_str().as_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "the remainder of a division by a u16 fits one")]
    ShardId((hash % u64::from(shards.max(1))) as u16)
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_hash_is_part_of_the_disk_format() {
        let id = ConversationId::parse("alice:bob").unwrap();
        assert_eq!(shard_of(&id, 64), shard_of(&id, 64));
        assert_eq!(xxh3_64(b"alice:bob") % 64, u64::from(shard_of(&id, 64).0));
        assert!(shard_of(&id, 1) == ShardId(0));
    }
}
