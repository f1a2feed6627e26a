//! Settings of plain topics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which member of a shared subscription gets a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SharedStrategy {
    /// The one with the fewest messages waiting and in flight.
    LeastInFlight,
    /// The same one for all messages of a client, as long as the members stay.
    StickyByClient,
    /// Any.
    Random,
}

/// Plain topics: all that are neither under `u/` nor begin with `$`. Served by `longwave serve` on the embedded store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlainTopics {
    /// Levels that a topic or filter may have.
    pub levels: usize,
    /// Messages that may wait for one session. When more come, the oldest are dropped for a session that outlives its connection, and
    /// the new ones for any other.
    pub queue_messages: usize,
    /// Bytes of topics and payloads that may wait for one session; the same is dropped.
    pub queue_bytes: usize,
    /// Seconds for which a message waits at most for a session that outlives its connection.
    pub queue_age_seconds: u64,
    /// Milliseconds for which a publisher's acknowledgement is held back at most, because a receiver's queue is more than half full.
    pub publisher_wait_millis: u64,
    /// Retained messages; further topics are refused with error 2016.
    pub retained_messages: usize,
    /// Bytes of topics and payloads of retained messages; they are kept in memory as well.
    pub retained_bytes: usize,
    /// Which member of a shared subscription gets a message.
    pub shared: SharedStrategy,
    /// Seconds after a start for which the wills of clients that were connected before wait for these clients.
    pub will_grace_seconds: u64,
    /// What MQTT 5 clients get as Response Information that ask for it: the beginning of topics for answers to their requests, as `answers/%u`, in which
    /// `%u` is the user and `%%` a `%`. The access list must allow it.
    pub response_information: Option<String>,
    /// Seconds between two rounds in which administrators are told what the server counts, under `$SYS/`; 0 = never.
    pub sys_interval_seconds: u64,
}

impl Default for PlainTopics {
    fn default() -> Self {
        Self {
            levels: 64,
            queue_messages: 1_000,
            queue_bytes: 1024 * 1024,
            queue_age_seconds: 7 * 24 * 3_600,
            publisher_wait_millis: 500,
            retained_messages: 100_000,
            retained_bytes: 64 * 1024 * 1024,
            shared: SharedStrategy::LeastInFlight,
            will_grace_seconds: 5,
            response_information: None,
            sys_interval_seconds: 10,
        }
    }
}
