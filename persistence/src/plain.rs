//! What of plain topics outlives the process: retained messages, the wills of connected devices, and the log of what waits for sessions.

use async_trait::async_trait;
use longwave_model::{DeviceId, PlainState, UserId};

use crate::error::StoreError;
use crate::sessions::SessionRow;

/// A message as a row: protobuf, because rows outlive releases and gain fields.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MessageRow {
    /// The topic.
    #[prost(string, tag = "1")]
    pub topic: String,
    /// The payload.
    #[prost(bytes = "bytes", tag = "2")]
    pub payload: bytes::Bytes,
    /// QoS.
    #[prost(uint32, tag = "3")]
    pub qos: u32,
    /// RETAIN.
    #[prost(bool, tag = "4")]
    pub retain: bool,
    /// The user who published it.
    #[prost(string, tag = "5")]
    pub user: String,
    /// The device that published it.
    #[prost(string, tag = "6")]
    pub device: String,
    /// Unix time in milliseconds after which it is gone.
    #[prost(uint64, optional, tag = "7")]
    pub expires_at: Option<u64>,
    /// Content Type.
    #[prost(string, optional, tag = "8")]
    pub content_type: Option<String>,
    /// Correlation Data.
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub correlation_data: Option<bytes::Bytes>,
    /// Response Topic.
    #[prost(string, optional, tag = "10")]
    pub response_topic: Option<String>,
    /// Payload Format Indicator.
    #[prost(bool, optional, tag = "11")]
    pub utf8_payload: Option<bool>,
    /// User Properties.
    #[prost(message, repeated, tag = "12")]
    pub user_properties: Vec<PropertyRow>,
    /// Message Expiry Interval in seconds as given: what a will gets when it is published.
    #[prost(uint32, optional, tag = "13")]
    pub expiry_seconds: Option<u32>,
}

/// A User Property.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PropertyRow {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A will as a row.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WillRow {
    /// What is published; user and device say whose will it is.
    #[prost(message, required, tag = "1")]
    pub message: MessageRow,
    /// Will Delay Interval in seconds.
    #[prost(uint32, tag = "2")]
    pub delay_seconds: u32,
    /// Seconds that the session outlives its connection.
    #[prost(uint32, tag = "3")]
    pub expiry_seconds: u32,
}

/// A message in the log: one row, however many sessions it waits for.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LogRow {
    /// The message.
    #[prost(message, required, tag = "1")]
    pub message: MessageRow,
    /// The distinct filters by which sessions want it that may be away; each has a reference to it.
    #[prost(string, repeated, tag = "2")]
    pub filters: Vec<String>,
    /// Unix time in milliseconds at which it was taken.
    #[prost(uint64, tag = "3")]
    pub ts: u64,
}

/// A message of the log, as a filter refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Its number in the log.
    pub number: u64,
    /// Bytes of topic and payload.
    pub size: u32,
}

/// A session that outlives its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastingSession {
    /// Its row.
    pub row: SessionRow,
    /// Unix time in milliseconds at which it ends if nobody connects; `None` = never.
    pub ends_at: Option<u64>,
}

/// Rows of plain topics.
#[async_trait]
pub trait Plain: Send + Sync {
    /// All retained messages.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn retained(&self) -> Result<Vec<MessageRow>, StoreError>;

    /// Sets the retained messages of topics, or removes them, as one commit.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn retain(&self, changes: Vec<(String, Option<MessageRow>)>) -> Result<(), StoreError>;

    /// All wills.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn wills(&self) -> Result<Vec<WillRow>, StoreError>;

    /// Sets the will of a device, or removes it.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn put_will(&self, user: &UserId, device: &DeviceId, will: Option<WillRow>) -> Result<(), StoreError>;
}

/// The log of plain topics: what sessions want that may be away. A message is stored once and has a reference per distinct filter; a
/// session knows how far it is. Numbers rise and are never used twice.
#[async_trait]
pub trait PlainLog: Send + Sync {
    /// The highest number in the log; 0 when there was none yet.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn last_number(&self) -> Result<u64, StoreError>;

    /// Adds messages under these numbers, which are higher than all before, and stores facts, as one commit.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn append(&self, rows: Vec<(u64, LogRow)>, facts: Vec<PlainState>) -> Result<(), StoreError>;

    /// The first `most` messages after a number that a filter refers to, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn references(&self, filter: &str, after: u64, most: usize) -> Result<Vec<Reference>, StoreError>;

    /// The latest `most` messages that a filter refers to, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn latest_references(&self, filter: &str, most: usize) -> Result<Vec<Reference>, StoreError>;

    /// The messages with these numbers; `None` for those that are gone.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn messages(&self, numbers: Vec<u64>) -> Result<Vec<Option<LogRow>>, StoreError>;

    /// The first `most` rows of the log after a number, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn rows(&self, after: u64, most: usize) -> Result<Vec<(u64, LogRow)>, StoreError>;

    /// Takes messages out of the log, with the references of their filters.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn forget(&self, rows: Vec<(u64, Vec<String>)>) -> Result<(), StoreError>;

    /// Takes references away, by filter and number: a shared subscription is done with those messages.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn consume(&self, references: Vec<(String, u64)>) -> Result<(), StoreError>;

    /// All facts of all sessions.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn facts(&self) -> Result<Vec<PlainState>, StoreError>;

    /// The sessions that are not over, and have a subscription of which `wanted` says so, or a fact.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn lasting_sessions(&self, wanted: for<'a> fn(&'a str) -> bool) -> Result<Vec<LastingSession>, StoreError>;
}
