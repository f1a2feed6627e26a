//! Conversations and their members: views of entries, like the log.

use async_trait::async_trait;
use longwave_model::{ConversationId, ConversationKind, Role, Seq, UserId};

use crate::error::StoreError;

/// A conversation's own facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// Its kind.
    pub kind: ConversationKind,
    /// Its title, for groups and channels.
    pub title: Option<String>,
    /// Unix time in milliseconds of its first entry.
    pub created: u64,
    /// Who created it.
    pub creator: UserId,
    /// Entries older than this many seconds are swept; `None` = the global setting.
    pub retention_age_seconds: Option<u64>,
    /// At most this many entries are kept; `None` = the global setting.
    pub retention_entries: Option<u64>,
    /// Seq of the entry that wrote the row last.
    pub version: Seq,
}

/// A member, present or former.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Who.
    pub user: UserId,
    /// With which rights.
    pub role: Role,
    /// Seq of the entry that made it a member (the last time).
    pub joined: Seq,
    /// Seq of the entry that ended it, if it ended.
    pub left: Option<Seq>,
}

impl MemberRow {
    /// Whether the user is a member now.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.left.is_none_or(|left| left < self.joined)
    }
}

/// Facts and members of all conversations.
#[async_trait]
pub trait Members: Send + Sync {
    /// Facts of one conversation.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn conversation(&self, conversation: &ConversationId) -> Result<Option<ConversationRow>, StoreError>;

    /// All members, former ones included, by user id. Direct conversations have rows too.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn members(&self, conversation: &ConversationId) -> Result<Vec<MemberRow>, StoreError>;

    /// One member.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn member(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<MemberRow>, StoreError>;
}
