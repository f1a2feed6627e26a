//! The other nodes, as the feed of one sees them. Nothing here may be relied upon: what is not reached compares later.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use longwave_model::{ConversationId, DeviceId, Entry, UserId};

use crate::bus::MarkSignal;

/// The nodes elsewhere.
#[async_trait]
pub trait Elsewhere: Send + Sync {
    /// A device connects here: its connection on another node is closed. Returns when that has ended, or after a limit.
    async fn claim(&self, user: &UserId, device: &DeviceId);
    /// A session is open here. When this returns, whoever looks for its user's sessions finds this node (protocol rule 17).
    async fn arrived(&self, user: &UserId, device: &DeviceId);
    /// A session is open here no more.
    fn left(&self, user: &UserId, device: &DeviceId);
    /// A service's session here wants to see what goes to this user. When this returns, whoever looks for that user finds this node.
    async fn watches(&self, user: &UserId, service: &DeviceId);
    /// It does no more.
    fn unwatches(&self, user: &UserId, service: &DeviceId);
    /// Sessions here want what is written in these channels. When this returns, it comes to this node; says whether it did not before.
    async fn interested(&self, channels: &[ConversationId]) -> bool;
    /// Whether a user has a session on another node.
    async fn is_online(&self, user: &UserId) -> bool;
    /// A user's first session here has opened, or its last one closed.
    fn presence_changed(&self, user: &UserId);
    /// A mark has risen.
    fn mark(&self, mark: &MarkSignal);
    /// Exactly these entries of a busy conversation, if they are at hand: all of them or none (protocol rule 6).
    async fn recall(&self, conversation: &ConversationId, range: RangeInclusive<u64>) -> Option<Vec<Arc<Entry>>>;
}

/// There are no other nodes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

#[async_trait]
impl Elsewhere for Alone {
    async fn claim(&self, _: &UserId, _: &DeviceId) {}
    async fn arrived(&self, _: &UserId, _: &DeviceId) {}
    fn left(&self, _: &UserId, _: &DeviceId) {}
    async fn watches(&self, _: &UserId, _: &DeviceId) {}
    fn unwatches(&self, _: &UserId, _: &DeviceId) {}
    async fn interested(&self, _: &[ConversationId]) -> bool {
        false
    }
    async fn is_online(&self, _: &UserId) -> bool {
        false
    }
    fn presence_changed(&self, _: &UserId) {}
    fn mark(&self, _: &MarkSignal) {}
    async fn recall(&self, _: &ConversationId, _: RangeInclusive<u64>) -> Option<Vec<Arc<Entry>>> {
        None
    }
}
