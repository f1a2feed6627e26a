//! How pushes ended: per device and conversation, the latest one.
//!
//! A max register by seq, written after the provider's answer (protocol rule 23). It is what an operator reads back, and what keeps an
//! entry that is handed over again from being pushed twice.

use async_trait::async_trait;
use longwave_model::{ConversationId, DeviceId, Seq, UserId};

use crate::error::StoreError;

/// How a push ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PushState {
    /// The provider took it.
    Sent,
    /// The device or its user had the message before it was sent.
    Superseded,
    /// The user wants none from this conversation.
    Muted,
    /// It fell into the user's quiet hours.
    Quiet,
    /// The device has no token.
    NoToken,
    /// The provider knows the device's token no more.
    TokenGone,
    /// It could not be sent within its lifetime.
    Expired,
    /// The provider will never take it.
    Failed,
}

impl PushState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Sent,
        Self::Superseded,
        Self::Muted,
        Self::Quiet,
        Self::NoToken,
        Self::TokenGone,
        Self::Expired,
        Self::Failed,
    ];

    /// The word for it in metrics, rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Superseded => "superseded",
            Self::Muted => "muted",
            Self::Quiet => "quiet",
            Self::NoToken => "no_token",
            Self::TokenGone => "token_gone",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    /// The state that a word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// How a device's latest push in a conversation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRecord {
    /// Whose device.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The entry that it was about; it spoke for all before it.
    pub seq: Seq,
    /// How it ended.
    pub state: PushState,
    /// The provider's name for it when it was sent, the reason when it failed; never a secret.
    pub detail: Option<String>,
    /// Unix time in milliseconds at which it ended.
    pub ts: u64,
}

/// Records of all devices.
#[async_trait]
pub trait Pushes: Send + Sync {
    /// Writes records, durably. One with a lower seq than the stored one changes nothing; of two with the same seq either may stay.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written; call again.
    async fn record_pushes(&self, records: Vec<PushRecord>) -> Result<(), StoreError>;

    /// One record.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn push_record(
        &self,
        user: &UserId,
        device: &DeviceId,
        conversation: &ConversationId,
    ) -> Result<Option<PushRecord>, StoreError>;

    /// All records of a user's devices, by device and conversation.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn push_records(&self, user: &UserId) -> Result<Vec<PushRecord>, StoreError>;
}
