//! Names of publishes and sessions as 128 secret-keyed bits: a lane remembers tens of thousands of them, and spelled out each would take
//! several times the memory.
//!
//! Two independent SipHashes whose keys are random per lane: nobody can look for two that collide, and by chance none ever will.

use std::hash::{BuildHasher, RandomState};

use longwave_model::{ConversationId, DeviceId, MessageId, UserId};

/// Names a publish with an id: conversation, sender, id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DedupKey(u64, u64);

impl DedupKey {
    /// One half of the name.
    pub(crate) fn first(&self) -> u64 {
        self.0
    }

    /// The other.
    pub(crate) fn second(&self) -> u64 {
        self.1
    }
}

/// Names a session: user, device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionMark(u64, u64);

/// Names a publish without an id while its packet id is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ResendKey {
    pub(crate) session: SessionMark,
    pub(crate) packet_id: u16,
}

/// Names the publishes of a session into one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ChainKey(u64, u64);

/// Makes the names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    one: RandomState,
    other: RandomState,
}

impl Names {
    /// Of a publish with an id.
    pub(crate) fn publish(&self, conversation: &ConversationId, sender: &UserId, id: &MessageId) -> DedupKey {
        let parts = (conversation.as_str(), sender.as_str(), id.as_bytes().as_ref());
        DedupKey(self.one.hash_one(parts), self.other.hash_one(parts))
    }

    /// Of a session's publishes into a conversation.
    pub(crate) fn chain(&self, session: SessionMark, conversation: &ConversationId) -> ChainKey {
        let parts = (session.0, session.1, conversation.as_str());
        ChainKey(self.one.hash_one(parts), self.other.hash_one(parts))
    }

    /// Of a session.
    pub(crate) fn session(&self, user: &UserId, device: &DeviceId) -> SessionMark {
        let parts = (user.as_str(), device.as_str());
        SessionMark(self.one.hash_one(parts), self.other.hash_one(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_no_letter_moves_between_parts() {
        let names = Names::default();
        let publish = |conversation: &str, sender: &str, id: &'static str| {
            let conversation = ConversationId::named(conversation).unwrap();
            names.publish(&conversation, &UserId::parse(sender).unwrap(), &MessageId::parse(id.into()).unwrap())
        };
        assert_eq!(publish("ab", "c", "d"), publish("ab", "c", "d"));
        for (conversation, sender, id) in [("a", "bc", "d"), ("ab", "cd", "d"), ("ab", "c", "e"), ("abc", "c", "d")] {
            assert_ne!(publish("ab", "c", "d"), publish(conversation, sender, id));
        }
        let session =
            |user: &str, device: &str| names.session(&UserId::parse(user).unwrap(), &DeviceId::parse(device).unwrap());
        assert_ne!(session("ab", "c"), session("a", "bc"));
    }
}
