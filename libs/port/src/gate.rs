//! The gate: where the broker hands a publish over and learns its fate.

use std::sync::Arc;

use bytes::Bytes;
use longwave_model::{DeviceId, FirstSending, Refusal, Seq, UserId};

/// The connected session on whose behalf a publish comes. One per connection, shared by its publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// May act under any `u/{user}/`.
    pub service: bool,
    /// Changes whenever the session starts clean.
    pub incarnation: u64,
    /// max(previous + 1, now in ms); lanes refuse lower ones.
    pub connection: u64,
}

/// What the publish's QoS asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// QoS 0.
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce {
        /// The packet id.
        packet_id: u16,
        /// DUP is set, and the session left a publish with this packet id unanswered: it is that one's resend, unless topic,
        /// properties or payload tell otherwise.
        resend_of: Option<FirstSending>,
    },
    /// QoS 2: without an id of its own it gets (device, incarnation, packet id, use).
    ExactlyOnce {
        /// The packet id.
        packet_id: u16,
        /// How often this packet id was released before.
        uses: u32,
    },
}

/// MQTT 5 properties of a publish that have a meaning behind the gate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishProperties {
    /// Content Type.
    pub content_type: Option<String>,
    /// Correlation Data.
    pub correlation_data: Option<Bytes>,
    /// Response Topic.
    pub response_topic: Option<String>,
    /// Message Expiry Interval in seconds.
    pub expiry_seconds: Option<u32>,
    /// Payload Format Indicator: whether the payload is UTF-8.
    pub utf8_payload: Option<bool>,
    /// User Properties.
    pub user_properties: Vec<(String, String)>,
}

/// A publish from a device. The payload is its own copy, not a slice of a read buffer.
#[derive(Debug, Clone)]
pub struct Publish {
    /// From whom.
    pub sender: Arc<Sender>,
    /// Which of its connection's publishes it is, from 1.
    pub number: u64,
    /// How it came here, if by way of another process.
    pub route: Option<Route>,
    /// The topic name, aliases resolved, checked to be a valid topic name.
    pub topic: Arc<str>,
    /// The payload.
    pub payload: Bytes,
    /// RETAIN.
    pub retain: bool,
    /// What its QoS asks for.
    pub guarantee: Guarantee,
    /// Its properties, if it has any that matter here.
    pub properties: Option<Box<PublishProperties>>,
    /// Whether a receipt or refusal has to come as an event, because the acknowledgement cannot carry it (3.1.1, or problem
    /// information not wanted).
    pub wants_notice: bool,
}

/// What a publish carries that was handed over by another process, so that its sender's order holds whoever owns the shard.
#[derive(Debug, Clone)]
pub struct Route {
    /// The connection's publish into the same conversation that must have been taken before, by number; 0 = all are answered.
    pub after: u64,
    /// It was handed over before, and what became of that is not known.
    pub again: bool,
    /// Whether who handed it over still waits for it.
    pub lease: Arc<dyn Lease>,
}

/// Who handed a publish over may give up on the process that it went to, and hand it to another. From then on it must not be done here.
pub trait Lease: std::fmt::Debug + Send + Sync {
    /// Whether it may still be done here.
    fn holds(&self) -> bool;
}

/// A message to the publishing connection itself, sent before the acknowledgement, at QoS 0, if one of its subscriptions matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: Bytes,
    /// Correlation Data (MQTT 5).
    pub correlation_data: Option<Bytes>,
}

/// The fate of a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Stored durably (or found stored: a retry).
    Stored {
        /// The seq it has.
        seq: Seq,
        /// Unix time in milliseconds at which it got it.
        ts: u64,
        /// The receipt as an event, where wanted.
        notice: Option<Notice>,
    },
    /// Done; nothing of it has a seq (read, typing, a request).
    Done {
        /// The response to a request.
        notice: Option<Notice>,
        /// The connection may now live until then (Unix time in milliseconds).
        renewed_until: Option<u64>,
    },
    /// Refused with certainty: nothing was stored.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The refusal as an event, where wanted.
        notice: Option<Notice>,
    },
    /// Nobody knows. No acknowledgement; the connection is closed and the client resends.
    Unknown,
    /// Nothing was done here: the shard has another owner, or what comes before it was not taken. To be handed over again. Only for who
    /// handed it over with a [`Route`].
    Moved,
}

/// Where answers go: the connection's mailbox.
pub trait Answers: Send + Sync {
    /// Takes the answer to the publish with this ticket. Called from any thread, must not block.
    fn answer(&self, ticket: u64, answer: Answer);
}

/// The duty to answer one publish. Dropped without an answer it says [`Answer::Unknown`].
pub struct Completion {
    to: Option<Arc<dyn Answers>>,
    ticket: u64,
}

impl Completion {
    /// For the publish with this ticket.
    #[must_use]
    pub fn new(to: Arc<dyn Answers>, ticket: u64) -> Self {
        Self { to: Some(to), ticket }
    }

    /// Answers.
    pub fn complete(mut self, answer: Answer) {
        if let Some(to) = self.to.take() {
            to.answer(self.ticket, answer);
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(to) = self.to.take() {
            to.answer(self.ticket, Answer::Unknown);
        }
    }
}

impl std::fmt::Debug for Completion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completion").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

/// Takes publishes.
pub trait Gate: Send + Sync {
    /// Takes a publish; its answer comes through `completion`, possibly before this returns. Publishes of one session to one
    /// topic keep their order.
    fn publish(&self, publish: Publish, completion: Completion);
}
