//! Names of keys and channels. Ids have no braces, so every key is hashed whole and they spread over a cluster.

use longwave_model::{ConversationId, NodeId, UserId};

use super::config::Settings;

impl Settings {
    /// Hash: device → node.
    pub(super) fn user_key(&self, user: &UserId) -> String {
        self.key("u", user.as_str())
    }

    /// Hash: node → nothing.
    pub(super) fn interest_key(&self, channel: &ConversationId) -> String {
        self.key("i", channel.as_str())
    }

    /// Hash: node → its record as JSON.
    pub(super) fn nodes_key(&self) -> String {
        format!("{}:nodes", self.prefix)
    }

    /// The channel that a node listens on.
    pub(super) fn bus_channel(&self, node: &NodeId) -> String {
        self.key("b", node.as_str())
    }

    /// Sorted set: seq → entry.
    pub(super) fn hot_key(&self, conversation: &ConversationId) -> String {
        self.key("h", conversation.as_str())
    }

    /// String: when the bucket will be full again.
    pub(super) fn rate_key(&self, name: &str) -> String {
        self.key("r", name)
    }

    /// Stream: what is handed over of a shard.
    pub(super) fn stream_key(&self, shard: u16) -> String {
        format!("{}:push:{shard}", self.prefix)
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{name}", self.prefix)
    }
}
