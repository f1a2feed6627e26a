//! Limits of plain topics, each with a unit and a default.

use std::time::Duration;

/// Which member of a shared subscription gets a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SharedStrategy {
    /// The one with the fewest messages waiting and in flight.
    #[default]
    LeastInFlight,
    /// The same one for all messages of a client, as long as the members stay.
    StickyByClient,
    /// Any.
    Random,
}

/// Limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSettings {
    /// Levels that a plain topic or filter may have.
    pub levels: usize,
    /// Messages that may wait for one session; further ones are dropped.
    pub queue_messages: usize,
    /// Bytes of topics and payloads that may wait for one session; further messages are dropped.
    pub queue_bytes: usize,
    /// How long a message waits at most for a session that outlives its connection.
    pub queue_age: Duration,
    /// Bytes of topics and payloads that may wait to be stored, all together; more is refused.
    pub unstored_bytes: usize,
    /// How long a publisher's acknowledgement is held back at most because a receiver's queue is more than half full.
    pub publisher_wait: Duration,
    /// Retained messages.
    pub retained_messages: usize,
    /// Bytes of topics and payloads of retained messages.
    pub retained_bytes: usize,
    /// Who of a shared subscription gets a message.
    pub shared: SharedStrategy,
    /// After a start, how long clients that were connected before have to come back until their wills are published.
    pub will_grace: Duration,
}

impl Default for RouteSettings {
    fn default() -> Self {
        Self {
            levels: 64,
            queue_messages: 1_000,
            queue_bytes: 1024 * 1024,
            queue_age: Duration::from_secs(7 * 24 * 3_600),
            unstored_bytes: 64 * 1024 * 1024,
            publisher_wait: Duration::from_millis(500),
            retained_messages: 100_000,
            retained_bytes: 64 * 1024 * 1024,
            shared: SharedStrategy::LeastInFlight,
            will_grace: Duration::from_secs(5),
        }
    }
}
