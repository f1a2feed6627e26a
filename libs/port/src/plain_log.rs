//! The log of plain topics: what waits for sessions that outlive their connections, as the router needs it.

use std::sync::Arc;

use async_trait::async_trait;
use longwave_model::{DeviceId, PlainState, Refusal, UserId};

use crate::feed::Subscription;
use crate::plain::PlainMessage;

/// A message in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedMessage {
    /// The message.
    pub message: Arc<PlainMessage>,
    /// The distinct filters by which sessions want it that may be away.
    pub filters: Vec<Arc<str>>,
    /// Unix time in milliseconds at which it was taken.
    pub ts: u64,
}

/// A filter's reference to a message of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogReference {
    /// Its number.
    pub number: u64,
    /// Bytes of topic and payload.
    pub size: usize,
}

/// A session that outlives its connection, as an earlier process left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastingSession {
    /// Whose.
    pub user: UserId,
    /// Of which device.
    pub device: DeviceId,
    /// Its subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Unix time in milliseconds at which it ends if nobody connects; `None` = never.
    pub ends_at: Option<u64>,
}

/// A message is stored once, with a reference per distinct filter; a session knows how far it is. Numbers rise, and none is used twice.
#[async_trait]
pub trait PlainLog: Send + Sync {
    /// The highest number in the log; 0 when there was none yet.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    async fn last_number(&self) -> Result<u64, Refusal>;

    /// Adds messages under numbers that are higher than all before, and stores facts; all of it durable when it returns.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written.
    async fn append(&self, messages: Vec<(u64, LoggedMessage)>, facts: Vec<PlainState>) -> Result<(), Refusal>;

    /// The first `most` messages after a number that a filter refers to, in order.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    async fn references(&self, filter: &str, after: u64, most: usize) -> Result<Vec<LogReference>, Refusal>;

    /// The latest `most` messages that a filter refers to, in order.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    async fn latest_references(&self, filter: &str, most: usize) -> Result<Vec<LogReference>, Refusal>;

    /// The messages with these numbers; `None` for those that are gone.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    async fn messages(&self, numbers: Vec<u64>) -> Result<Vec<Option<Arc<PlainMessage>>>, Refusal>;

    /// The first `most` messages of the log after a number, in order.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    async fn logged(&self, after: u64, most: usize) -> Result<Vec<(u64, LoggedMessage)>, Refusal>;

    /// Takes messages out of the log, with the references of their filters.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written.
    async fn forget(&self, messages: Vec<(u64, Vec<Arc<str>>)>) -> Result<(), Refusal>;

    /// Takes references away, by filter and number: a shared subscription is done with those messages.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written.
    async fn consume(&self, references: Vec<(Arc<str>, u64)>) -> Result<(), Refusal>;

    /// All facts of all sessions.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    async fn facts(&self) -> Result<Vec<PlainState>, Refusal>;

    /// The sessions that are not over and have plain subscriptions or facts.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    async fn lasting_sessions(&self) -> Result<Vec<LastingSession>, Refusal>;
}
