//! What of plain topics outlives the process: retained messages, and the wills of connected devices.

use async_trait::async_trait;
use longwave_model::{DeviceId, UserId};

use crate::error::StoreError;

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
