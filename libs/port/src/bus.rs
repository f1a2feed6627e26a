//! The bus: how a bridge wakes the sessions of those who are online. Losing a wake-up loses nothing: sessions compare heads.

use std::sync::Arc;

use longwave_model::{ConversationId, DeviceId, Entry, Seq, UserId};
use tokio::sync::oneshot;

/// To whom an entry goes.
#[derive(Debug, Clone)]
pub enum Recipients {
    /// These users: the members of a direct conversation or group.
    Users(Arc<Vec<UserId>>),
    /// Some of the members of a large group: those who are on one node.
    Part(Arc<Vec<UserId>>),
    /// Whoever has registered interest in the conversation: a channel.
    Interested,
}

/// A member is typing.
#[derive(Debug, Clone)]
pub struct Typing {
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// On which device, which does not hear of it.
    pub device: Option<DeviceId>,
    /// The other members.
    pub to: Recipients,
}

/// A member's marks have risen.
#[derive(Debug, Clone)]
pub struct MarkSignal {
    /// Where.
    pub conversation: ConversationId,
    /// Whose.
    pub user: UserId,
    /// 0 = unchanged.
    pub delivered: Seq,
    /// 0 = unchanged.
    pub read: Seq,
    /// The members.
    pub to: Recipients,
}

/// Reaches the sessions of online users, on whichever node they are.
pub trait Bus: Send + Sync {
    /// A stored entry. Entries of one conversation come in seq order from its owner.
    fn entry(&self, entry: &Arc<Entry>, to: &Recipients);
    /// Somebody types. Not stored.
    fn typing(&self, typing: Typing);
    /// Marks have risen; they are stored, or will be within a second.
    fn mark(&self, mark: MarkSignal);
    /// Comes when everybody was looked for who is to hear of what was handed over so far, and was told or could not be (protocol rule
    /// 10); `None` when that is so already.
    fn flushed(&self) -> Option<oneshot::Receiver<()>> {
        None
    }
}
