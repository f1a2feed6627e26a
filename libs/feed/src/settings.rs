//! Limits and intervals of the feed, each with a unit and a default.

use std::sync::Arc;
use std::time::Duration;

/// Unix time in milliseconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Limits and intervals.
#[derive(Debug, Clone)]
pub struct FeedSettings {
    /// Entries of one page read from the log.
    pub page_entries: usize,
    /// Bytes of bodies of one page.
    pub page_bytes: usize,
    /// Live entries that may wait in a session; further ones are read from the log when there is room.
    pub live_entries: usize,
    /// Conversations in which a session remembers where it stands although nothing is on its way, to save reading it for the next
    /// entry.
    pub remembered_conversations: usize,
    /// Messages at QoS 0 that may wait in a session; further ones are dropped.
    pub events: usize,
    /// Pages being read at the same time, over all sessions.
    pub concurrent_pages: usize,
    /// Subscriptions of a session.
    pub subscriptions: usize,
    /// A rising "delivered" mark is told to the members of groups up to this size; in larger ones it is only stored.
    pub mark_members: usize,
    /// People about whose presence a session is told when it subscribes.
    pub presence_people: usize,
    /// Cursors and delivered marks are written this often.
    pub flush_interval: Duration,
    /// Every session compares what it has with its inbox this often, spread evenly.
    pub compare_interval: Duration,
    /// Changes of presence are gathered for this long.
    pub presence_interval: Duration,
    /// Message Expiry Interval of "is typing", in seconds.
    pub typing_expiry_seconds: u32,
    /// Pause before a failed read is tried again.
    pub retry_interval: Duration,
    /// Subscriptions to plain topics are granted and stored with the session; what is published there somebody else delivers.
    pub plain_topics: bool,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            page_entries: 128,
            page_bytes: 64 * 1024,
            live_entries: 64,
            remembered_conversations: 256,
            events: 64,
            concurrent_pages: 64,
            subscriptions: 64,
            mark_members: 64,
            presence_people: 1024,
            flush_interval: Duration::from_millis(500),
            compare_interval: Duration::from_secs(60),
            presence_interval: Duration::from_secs(5),
            typing_expiry_seconds: 5,
            retry_interval: Duration::from_secs(1),
            plain_topics: false,
        }
    }
}
