//! What the router counts. Every publish and every copy of one ends in exactly one counter, so that the sums agree.

use crate::stats::{Counter, Gauge};

/// Why a message, or a copy of one for one receiver, was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Nobody has subscribed to its topic: counted per publish, all others per copy.
    NoSubscriber,
    /// As many messages wait for the receiver as may.
    QueueFull,
    /// As many bytes wait for the receiver as may.
    QueueBytes,
    /// It expired while it waited.
    Expired,
    /// At QoS 0, for a receiver that is not connected.
    Offline,
    /// The receiver's session ended.
    SessionEnded,
    /// It waited for the receiver longer than messages may.
    QueueAge,
    /// It could not be stored for a receiver that may be away; the publisher was not told otherwise.
    NotStored,
}

impl Dropped {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::NoSubscriber,
        Self::QueueFull,
        Self::QueueBytes,
        Self::Expired,
        Self::Offline,
        Self::SessionEnded,
        Self::QueueAge,
        Self::NotStored,
    ];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSubscriber => "no_subscriber",
            Self::QueueFull => "queue_full",
            Self::QueueBytes => "queue_bytes",
            Self::Expired => "expired",
            Self::Offline => "offline",
            Self::SessionEnded => "session_ended",
            Self::QueueAge => "queue_age",
            Self::NotStored => "not_stored",
        }
    }
}

/// Everything the router counts. `received` = `routed` + dropped for want of a subscriber;
/// `copies` = `delivered` + `waiting` + dropped for all other reasons.
#[derive(Debug, Default)]
pub struct RouteStats {
    /// Messages taken: publishes, wills.
    pub received: Counter,
    /// Messages that somebody has subscribed to.
    pub routed: Counter,
    /// Publishes refused: not allowed, too deep, no room to retain.
    pub refused: Counter,
    /// Copies for one receiver each, retained ones included.
    pub copies: Counter,
    /// Copies delivered: handed to the connection at QoS 0, acknowledged above.
    pub delivered: Counter,
    /// Copies that wait or are in flight.
    pub waiting: Gauge,
    /// Publishes whose answer was held back because a receiver is slow.
    pub held_back: Counter,
    /// Subscriptions.
    pub subscriptions: Gauge,
    /// Those of them that are shared.
    pub shared_subscriptions: Gauge,
    /// Sessions that ended because nobody connected in time.
    pub expired_sessions: Counter,
    /// Sessions that use plain topics, connected or not.
    pub subscribers: Gauge,
    /// Messages in the log, which wait for sessions that may be away.
    pub logged_messages: Gauge,
    /// Bytes of their topics and payloads.
    pub logged_bytes: Gauge,
    /// Retained messages.
    pub retained_messages: Gauge,
    /// Bytes of retained messages.
    pub retained_bytes: Gauge,
    /// Wills published.
    pub wills: Counter,
    dropped: [Counter; Dropped::ALL.len()],
}

impl RouteStats {
    /// Copies (for `NoSubscriber` publishes) dropped for this reason.
    #[must_use]
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped[why as usize].get()
    }

    pub(super) fn drop_one(&self, why: Dropped) {
        self.dropped[why as usize].add(1);
    }

    /// Copies are dropped that did not wait yet.
    pub(super) fn drop_many(&self, why: Dropped, count: usize) {
        self.dropped[why as usize].add(count as u64);
    }

    /// A copy that waited is dropped.
    pub(super) fn drop_waiting(&self, why: Dropped, count: usize) {
        self.dropped[why as usize].add(count as u64);
        self.waiting.add(-i64::try_from(count).unwrap_or(i64::MAX));
    }
}
