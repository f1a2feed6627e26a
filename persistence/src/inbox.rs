//! The inbox: per user, the conversations it is or was a member of and how far each has come.

use async_trait::async_trait;
use longwave_model::{ConversationId, ConversationKind, Seq, UserId};

use crate::error::StoreError;

/// One conversation of a user. Every write is caused by an entry of the conversation and carries its seq, so the greatest wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its kind. A channel's head is not raised here: compare with [`crate::Log::head`] (protocol rule 12).
    pub kind: ConversationKind,
    /// Head as of the last raise; for a channel the seq of the join.
    pub head: Seq,
    /// Seq of the entry that made the user a member (the last time); reading starts there.
    pub joined: Seq,
    /// Seq of the entry that ended the membership, if it ended; reading ends there.
    pub left: Option<Seq>,
}

/// Inboxes of all users.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// All conversations of a user, ended memberships included.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn inbox(&self, user: &UserId) -> Result<Vec<InboxRow>, StoreError>;

    /// One conversation of a user.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn inbox_row(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<InboxRow>, StoreError>;
}
