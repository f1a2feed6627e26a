//! Plain topics: every topic that is neither under `u/` nor begins with `$`, and `$SYS/`. What the router needs from outside.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{DeviceId, Refusal, UserId};

use crate::gate::{PublishProperties, Sender};

/// Whether a topic or filter is one that the router serves: a plain one, or one under `$SYS/`. A shared subscription is what its filter is.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    match shared(name) {
        Some((_, filter)) => is_plain(filter),
        None => !name.starts_with("u/") && (!name.starts_with('$') || is_system(name)),
    }
}

/// Whether a topic or filter is one on which the server tells of itself.
#[must_use]
pub fn is_system(name: &str) -> bool {
    name == "$SYS" || name.starts_with("$SYS/")
}

/// The share name and the filter of a shared subscription.
#[must_use]
pub fn shared(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix("$share/")?.split_once('/')
}

/// A message on a plain topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainMessage {
    /// The topic.
    pub topic: Arc<str>,
    /// The payload.
    pub payload: Bytes,
    /// The QoS it was published with.
    pub qos: u8,
    /// It was published with the retain flag.
    pub retain: bool,
    /// Who published it.
    pub from: Arc<Sender>,
    /// Unix time in milliseconds after which it is not delivered any more.
    pub expires_at: Option<u64>,
    /// Its properties, if any. What they say of its expiry is as it was when published.
    pub properties: Option<Box<PublishProperties>>,
}

/// What a client wants to be published when its connection ends without a good-bye.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// The topic.
    pub topic: Arc<str>,
    /// The payload.
    pub payload: Bytes,
    /// QoS.
    pub qos: u8,
    /// Retain.
    pub retain: bool,
    /// Will Delay Interval in seconds.
    pub delay_seconds: u32,
    /// Its properties, if any.
    pub properties: Option<Box<PublishProperties>>,
}

/// A will that is stored, for the case that the server ends first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWill {
    /// Whose.
    pub user: UserId,
    /// Of which device.
    pub device: DeviceId,
    /// Seconds that the session outlives its connection.
    pub expiry_seconds: u32,
    /// The will.
    pub will: Will,
}

/// Who asks to use a topic.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The device, which is the client id.
    pub device: &'a DeviceId,
    /// A backend or a bot.
    pub service: bool,
}

impl<'a> From<&'a Sender> for Asker<'a> {
    fn from(sender: &'a Sender) -> Self {
        Self { user: &sender.user, device: &sender.device, service: sender.service }
    }
}

/// Decides who may use which plain topics. Asked at every PUBLISH and SUBSCRIBE and for wills, so it answers from memory.
pub trait TopicAccess: Send + Sync {
    /// Whether a message may be published here, and if `retain` be kept.
    ///
    /// # Errors
    /// A [`Refusal`] (not-your-topic) when not.
    fn may_publish(&self, asker: Asker<'_>, topic: &str, retain: bool) -> Result<(), Refusal>;

    /// Whether a filter may be subscribed to; that of a shared subscription comes without its share name.
    ///
    /// # Errors
    /// A [`Refusal`] (not-your-topic) when not.
    fn may_subscribe(&self, asker: Asker<'_>, filter: &str) -> Result<(), Refusal>;

    /// Whether somebody may read what the server tells of itself under `$SYS/`.
    fn is_administrator(&self, asker: Asker<'_>) -> bool;
}

/// What of plain topics outlives the process.
#[async_trait]
pub trait PlainStore: Send + Sync {
    /// All retained messages.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    async fn retained(&self) -> Result<Vec<PlainMessage>, Refusal>;

    /// Keeps messages as the retained ones of their topics, or `None` in place of one; durable when it returns.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written.
    async fn retain(&self, changes: Vec<(Arc<str>, Option<Arc<PlainMessage>>)>) -> Result<(), Refusal>;

    /// All wills.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    async fn wills(&self) -> Result<Vec<StoredWill>, Refusal>;

    /// Keeps a will in place of the device's former one; durable when it returns.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written.
    async fn put_will(&self, will: StoredWill) -> Result<(), Refusal>;

    /// Forgets the will of a device.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written.
    async fn drop_will(&self, user: &UserId, device: &DeviceId) -> Result<(), Refusal>;
}
