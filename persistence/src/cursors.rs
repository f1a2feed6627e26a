//! Cursors and marks: how far each device has acknowledged, and how far each member has it and has read.
//!
//! Both are max registers, written behind by up to a second: a lost write repeats a delivery and loses nothing.

use async_trait::async_trait;
use longwave_model::{ConversationId, DeviceId, Seq, UserId};

use crate::error::StoreError;

/// Raises a device's cursor; a lower value than the stored one changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorRaise {
    /// Whose device.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// Where.
    pub conversation: ConversationId,
    /// The highest seq below which everything sent is acknowledged.
    pub seq: Seq,
}

/// Cursors of all devices.
#[async_trait]
pub trait Cursors: Send + Sync {
    /// All cursors of a device.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn cursors(&self, user: &UserId, device: &DeviceId) -> Result<Vec<(ConversationId, Seq)>, StoreError>;

    /// One cursor.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn cursor(
        &self,
        user: &UserId,
        device: &DeviceId,
        conversation: &ConversationId,
    ) -> Result<Option<Seq>, StoreError>;

    /// Per conversation the highest cursor among all devices of a user.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn highest_cursors(&self, user: &UserId) -> Result<Vec<(ConversationId, Seq)>, StoreError>;

    /// Raises cursors and marks together, durably.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn raise(&self, cursors: Vec<CursorRaise>, marks: Vec<MarkRaise>) -> Result<(), StoreError>;
}

/// Raises a member's marks; each only if it is greater than the stored one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkRaise {
    /// Where.
    pub conversation: ConversationId,
    /// Whose.
    pub user: UserId,
    /// Some device of the user has everything up to here. 0 leaves it.
    pub delivered: Seq,
    /// The user has read up to here. 0 leaves it.
    pub read: Seq,
    /// Unix time in milliseconds of the change.
    pub ts: u64,
}

/// A member's marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Whose.
    pub user: UserId,
    /// Some device of the user has everything up to here.
    pub delivered: Seq,
    /// The user has read up to here.
    pub read: Seq,
    /// Unix time in milliseconds of the last change.
    pub ts: u64,
}

/// Marks of all conversations.
#[async_trait]
pub trait Marks: Send + Sync {
    /// The marks of a conversation's members that have any.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn marks(&self, conversation: &ConversationId) -> Result<Vec<Mark>, StoreError>;

    /// One member's marks.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn mark(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<Mark>, StoreError>;
}
