//! Session rows: what a device's MQTT session is when nobody is connected to it.

use async_trait::async_trait;
use longwave_model::{ConversationId, DeviceId, FirstSending, Seq, UserId};

use crate::error::StoreError;

/// One durable session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Whose.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// Changes whenever the session starts clean.
    pub incarnation: u64,
    /// The latest connection: max(previous + 1, now in ms).
    pub connection: u64,
    /// Seconds that the session outlives its connection; `u32::MAX` = for ever (MQTT 5, 3.1.2.11.2).
    pub expiry_seconds: u32,
    /// Its subscriptions.
    pub subscriptions: Vec<SubscriptionRow>,
    /// Uses per packet id of QoS 2 publishes from the device, for those above 0; raised at PUBREL, before PUBCOMP.
    pub qos2_uses: Vec<(u16, u32)>,
    /// QoS 1 publishes whose PUBACK was never sent, by packet id, so that DUP is certain to mean them. `None` when the connection did
    /// not close in an orderly way: then nothing is certain.
    pub unsettled: Option<Vec<(u16, FirstSending)>>,
    /// What was sent and not acknowledged when the connection closed, so that it is resent with DUP and its packet id.
    pub in_flight: Vec<InFlight>,
    /// Unix time in milliseconds of the last CONNECT.
    pub connected_at: u64,
    /// Unix time in milliseconds at which the connection closed; `None` while connected, and after a crash.
    pub disconnected_at: Option<u64>,
}

/// One subscription with its options (MQTT 5, 3.8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRow {
    /// The topic filter.
    pub filter: String,
    /// Granted maximum QoS.
    pub qos: u8,
    /// No Local.
    pub no_local: bool,
    /// Retain As Published.
    pub retain_as_published: bool,
    /// Retain Handling, 0–2.
    pub retain_handling: u8,
    /// Subscription Identifier, if given.
    pub identifier: Option<u32>,
}

/// A delivery awaiting its PUBACK when the connection closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// The packet id it was sent with.
    pub packet_id: u16,
    /// The conversation.
    pub conversation: ConversationId,
    /// The entry.
    pub seq: Seq,
}

/// Session rows of all devices.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// One session.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn session(&self, user: &UserId, device: &DeviceId) -> Result<Option<SessionRow>, StoreError>;

    /// All sessions of a user.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError>;

    /// Writes a row, unless the stored one has a higher connection number (a session that moved on). Returns whether it was written.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn put_session(&self, row: SessionRow) -> Result<bool, StoreError>;

    /// Writes the row, drops all cursors of the device and stores these instead, as one commit: a session that starts clean, or a
    /// device's first (protocol rules 13 and 14).
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn start_session(&self, row: SessionRow, cursors: Vec<(ConversationId, Seq)>) -> Result<(), StoreError>;

    /// Drops the row and the cursors of a device, unless the stored row has a higher connection number.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn end_session(&self, user: &UserId, device: &DeviceId, connection: u64) -> Result<(), StoreError>;
}
