//! The feed: what a session is owed, taken as fast as its in-flight window has room.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{DeviceId, FirstSending, Refusal, UserId};

use crate::gate::Sender;
use crate::plain::Will;

/// The side of a connection that others may call, from any thread, without blocking.
pub trait Mailbox: Send + Sync {
    /// The outlet has something: call [`Outlet::take`].
    fn wake(&self);
    /// Close the connection for this reason; the session stays.
    fn close(&self, refusal: Refusal);
}

/// A connection that wants its session's feed.
pub struct Open {
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// May act under any `u/{user}/`.
    pub service: bool,
    /// Clean Start (3.1.1: clean session).
    pub clean_start: bool,
    /// Session Expiry Interval in seconds (3.1.1: 0 for a clean session, else `u32::MAX`).
    pub expiry_seconds: u32,
    /// What is to be published when the connection ends without a good-bye.
    pub will: Option<Box<Will>>,
    /// Unix time in milliseconds.
    pub now: u64,
    /// Called when there is something to take.
    pub mailbox: Arc<dyn Mailbox>,
}

/// A subscription with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topic filter, checked to be valid.
    pub filter: String,
    /// Maximum QoS: asked for on the way in, granted on the way out.
    pub qos: u8,
    /// No Local.
    pub no_local: bool,
    /// Retain As Published.
    pub retain_as_published: bool,
    /// Retain Handling, 0–2.
    pub retain_handling: u8,
    /// Subscription Identifier.
    pub identifier: Option<u32>,
}

/// An open session.
pub struct Opened {
    /// Its feed.
    pub outlet: Arc<dyn Outlet>,
    /// Session Present for CONNACK.
    pub session_present: bool,
    /// On whose behalf its publishes go.
    pub sender: Arc<Sender>,
    /// The subscriptions of the resumed session.
    pub subscriptions: Vec<Subscription>,
    /// Uses per packet id of QoS 2 publishes, for those above 0.
    pub qos2_uses: Vec<(u16, u32)>,
    /// QoS 1 publishes that earlier connections left unanswered, by packet id: what DUP may refer to. Empty after a crash.
    pub unsettled: Vec<(u16, FirstSending)>,
}

/// Names one delivery within its outlet until it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Packet ids that outlets choose (`Delivery::packet_id`) begin here; those below are the session's.
pub const FIRST_CHOSEN_PACKET_ID: u16 = 0x8000;

/// How to send something that was sent on an earlier connection: DUP and the same packet id [MQTT-4.4.0-1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resend(pub u16);

/// MQTT 5 properties of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryProperties {
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

/// One message to the device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The topic.
    pub topic: Arc<str>,
    /// The payload, shared among receivers.
    pub payload: Bytes,
    /// `Some` above QoS 0: say [`Outlet::acked`] with it. `None` at QoS 0.
    pub ticket: Option<Ticket>,
    /// With a ticket: QoS 2 instead of 1. Say [`Outlet::received`] when the device has it.
    pub exactly_once: bool,
    /// RETAIN.
    pub retain: bool,
    /// It was sent before.
    pub resend: Option<Resend>,
    /// With `resend` at QoS 2: the device has it, and what is to be sent is PUBREL.
    pub released: bool,
    /// At QoS 2: it has this packet id, which is stored. PUBREC is to be stored as well: PUBREL waits until this comes once more with
    /// `released`.
    pub packet_id: Option<u16>,
    /// Subscription Identifiers; `None` = those of all subscriptions that match the topic.
    pub identifiers: Option<Box<[u32]>>,
    /// Properties, if any.
    pub properties: Option<Box<DeliveryProperties>>,
}

/// How a connection ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closing {
    /// Session Expiry Interval in seconds, which DISCONNECT may have changed.
    pub expiry_seconds: u32,
    /// Sent and not acknowledged, in order of sending.
    pub in_flight: Vec<(u16, Ticket)>,
    /// QoS 1 publishes whose PUBACK was never sent, by packet id.
    pub unsettled: Vec<(u16, FirstSending)>,
    /// The client said good-bye, so that its will is not published.
    pub good_bye: bool,
    /// Unix time in milliseconds.
    pub now: u64,
}

/// Opens feeds.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Opens a session's feed. The caller has made sure that no other outlet of the same device is open. What it decides
    /// (first session, clean start) is stored before it returns.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read or written.
    async fn open(&self, open: Open) -> Result<Opened, Refusal>;
}

/// An open session's feed. The connection owns it; calls come from its task only.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// Adds or replaces subscriptions; stored before it returns for a durable session [MQTT-3.8.4-1]. Per subscription the granted
    /// QoS or a refusal.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written; then none was added.
    async fn subscribe(&self, subscriptions: Vec<Subscription>) -> Result<Vec<Result<u8, Refusal>>, Refusal>;

    /// Removes subscriptions; per filter whether it existed.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written.
    async fn unsubscribe(&self, filters: Vec<String>) -> Result<Vec<bool>, Refusal>;

    /// Moves what is ready into `out`: at most `room` deliveries above QoS 0 and about `bytes` bytes of payload. Never blocks; when more
    /// becomes ready, or pages have been read, the mailbox is woken.
    fn take(&self, room: usize, bytes: usize, out: &mut Vec<Delivery>);

    /// The device has acknowledged a delivery.
    fn acked(&self, ticket: Ticket);

    /// The device has a delivery at QoS 2 (PUBREC), which is complete with [`Self::acked`]. What came with a packet id comes once more when
    /// this is stored.
    fn received(&self, _ticket: Ticket) {}

    /// Stores how often a packet id has been released by PUBREL, before PUBCOMP goes out.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written.
    async fn released(&self, packet_id: u16, uses: u32) -> Result<(), Refusal>;

    /// Ends the connection: cursors are flushed, the session row is written, or dropped when it does not outlive the connection.
    async fn close(&self, closing: Closing);
}
