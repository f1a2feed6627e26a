//! One MQTT session over one connection, as a pure state machine: state + event + now → effects. It knows no socket and no clock.
//!
//! An idle session is small (a test holds its size): whatever only busy or unusual sessions need is boxed and made when needed.

mod acknowledge;
mod aliases;
mod answer;
mod close;
mod connect;
mod deliver;
mod effect;
mod event;
mod exactly_once;
mod invariants;
mod pace;
mod publish;
mod reason;
mod response_information;
mod retry;
mod subscribe;
#[cfg(test)]
mod tests;
mod time;

use std::collections::VecDeque;
use std::sync::Arc;

pub use effect::Effect;
pub use event::{Event, OpenedSession};
use longwave_model::{ErrorCode, Refusal};
use longwave_port::Sender;
pub use time::Now;

use crate::codec::packet::{Packet, Version};
use crate::limits::Limits;

/// The state of one connection's session.
#[derive(Debug)]
pub struct Session {
    limits: Arc<Limits>,
    phase: connect::Phase,
    /// Who publishes; known once the session is open.
    sender: Option<Arc<Sender>>,
    /// Granted subscriptions.
    held: Vec<subscribe::Held>,
    /// A SUBSCRIBE or UNSUBSCRIBE that waits for the outlet.
    asking: Option<Box<subscribe::Asking>>,
    /// Sent above QoS 0 and not complete, in order of sending.
    outgoing: VecDeque<acknowledge::Sent>,
    /// Publishes of the device that the gate has, in order of arrival. The first is not done: else it would be gone.
    pending: VecDeque<publish::Pending>,
    /// Ticket of the first of `pending`; the others follow without gaps.
    first_ticket: u64,
    exactly_once: Option<Box<exactly_once::ExactlyOnce>>,
    unanswered: retry::Unanswered,
    aliases: Option<Box<aliases::Aliases>>,
    pace: Option<Box<pace::Pace>>,
    /// When the last packet came, in monotonic milliseconds; before CONNECT: when the connection was accepted.
    heard: u64,
    /// When the token expires, in monotonic milliseconds; `u64::MAX` = never.
    token_deadline: u64,
    /// Maximum Packet Size of the client in bytes; `u32::MAX` = no limit.
    maximum_packet: u32,
    /// Session Expiry Interval in force, in seconds.
    expiry_seconds: u32,
    /// Keep alive in force, in seconds; 0 = off.
    keep_alive: u16,
    /// Deliveries that may be unacknowledged at once.
    window: u16,
    /// Where the search for a free packet id begins.
    next_packet_id: u16,
    /// Topic aliases that we may use towards the client.
    aliases_out_maximum: u16,
    version: Version,
    /// Request Problem Information: reason strings and user properties are welcome.
    problem_information: bool,
    /// PUBACKs may carry the receipt.
    receipts: bool,
    /// The client was told that its session was present.
    present: bool,
}

impl Session {
    /// A session whose connection was accepted at `accepted` (monotonic milliseconds). `nonce` is random; an assigned client id is
    /// made of it.
    #[must_use]
    pub fn new(limits: Arc<Limits>, accepted: u64, nonce: u64) -> Self {
        Self {
            limits,
            phase: connect::Phase::Waiting { nonce },
            sender: None,
            held: Vec::new(),
            asking: None,
            outgoing: VecDeque::new(),
            pending: VecDeque::new(),
            first_ticket: 0,
            exactly_once: None,
            unanswered: None,
            aliases: None,
            pace: None,
            heard: accepted,
            token_deadline: u64::MAX,
            maximum_packet: u32::MAX,
            expiry_seconds: 0,
            keep_alive: 0,
            window: 0,
            next_packet_id: 0,
            aliases_out_maximum: 0,
            version: Version::V311,
            problem_information: true,
            receipts: false,
            present: false,
        }
    }

    /// Takes an event and appends what is to be done, in order. After [`Effect::Close`] it does nothing.
    pub fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        if self.is_closed() {
            return;
        }
        let read_before = self.reads();
        match event {
            Event::Packet(packet) => self.packet(packet, now, effects),
            Event::Admitted(result) => self.admitted(result, now, effects),
            Event::Opened(result) => self.opened(result, now, effects),
            Event::Answered { ticket, answer } => self.answered(ticket, answer, now, effects),
            Event::Subscribed(result) => self.subscribed(result, now, effects),
            Event::Unsubscribed(result) => self.unsubscribed(result, now, effects),
            Event::Released { packet_id, result } => self.released(packet_id, result, now, effects),
            Event::Deliver(delivery) => self.deliver(delivery, now, effects),
            Event::Tick => self.tick(now, effects),
            Event::Close(refusal) => self.close_for(&refusal, now, effects),
            Event::Undecodable(error) => self.undecodable(error, now, effects),
            Event::Disconnected => self.end(now, effects),
        }
        // What was not read could not be heard.
        if !read_before && self.reads() {
            self.heard = now.monotonic;
        }
        debug_assert_eq!(self.check(), Ok(()));
    }

    /// How many deliveries above QoS 0 still fit. 0 before CONNACK and after the end.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.is_live() { usize::from(self.window).saturating_sub(self.outgoing.len()) } else { 0 }
    }

    /// Whether CONNACK has said yes and the session has not ended: deliveries at QoS 0 may be handed in even when [`Self::room`] is 0.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.phase, connect::Phase::Live)
    }

    /// Whether [`Effect::Close`] has been given.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, connect::Phase::Closed)
    }

    /// Whether the next packet may be handed in. Ask before every packet, also before those that are already in the read buffer.
    #[must_use]
    pub fn reads(&self) -> bool {
        match self.phase {
            connect::Phase::Waiting { .. } => true,
            connect::Phase::Live => {
                self.asking.is_none()
                    && !self.is_slowed()
                    && self.pending.len() < self.pending_maximum()
                    && self.exactly_once.as_ref().is_none_or(|state| state.releasing() < self.receive_maximum())
            }
            connect::Phase::Admitting(_) | connect::Phase::Opening(_) | connect::Phase::Closed => false,
        }
    }

    /// The version to encode for; 3.1.1 before CONNECT.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The largest packet in bytes that the decoder shall accept now.
    #[must_use]
    pub fn packet_limit(&self) -> usize {
        if self.is_live() { self.limits.packet_bytes } else { self.limits.connect_packet_bytes }
    }

    fn packet(&mut self, packet: Packet, now: Now, effects: &mut Vec<Effect>) {
        self.heard = now.monotonic;
        match (&self.phase, packet) {
            (connect::Phase::Waiting { .. }, Packet::Connect(connect)) => self.connect(*connect, now, effects),
            // [MQTT-3.1.0-1]; before CONNACK there is no DISCONNECT [MQTT-3.14.0-1].
            (connect::Phase::Waiting { .. }, _) => self.end(now, effects),
            (connect::Phase::Live, packet) => self.live_packet(packet, now, effects),
            // Not read while an answer is awaited.
            (connect::Phase::Admitting(_) | connect::Phase::Opening(_) | connect::Phase::Closed, _) => {
                self.end(now, effects)
            }
        }
    }

    fn live_packet(&mut self, packet: Packet, now: Now, effects: &mut Vec<Effect>) {
        match packet {
            Packet::Publish(publish) => self.publish(*publish, now, effects),
            Packet::PubAck(ack) => self.delivery_acknowledged(&ack, now, effects),
            Packet::PubRel(ack) => self.release(ack.packet_id, now, effects),
            Packet::PubRec(ack) => self.delivery_received(&ack, now, effects),
            Packet::PubComp(ack) => self.delivery_complete(ack.packet_id, now, effects),
            Packet::Subscribe(subscribe) => self.subscribe(*subscribe, now, effects),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(*unsubscribe, now, effects),
            Packet::PingReq => effects.push(Effect::Send(Packet::PingResp)),
            Packet::Disconnect(disconnect) => self.disconnect(&disconnect, now, effects),
            // [MQTT-3.1.0-2]
            Packet::Connect(_) => self.break_off(0x82, &protocol_error("a second CONNECT was sent"), now, effects),
            Packet::Auth(_) => {
                self.break_off(0x82, &protocol_error("AUTH was sent without an authentication method"), now, effects);
            }
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                self.break_off(0x82, &protocol_error("a packet was sent that only servers send"), now, effects);
            }
        }
    }

    fn receive_maximum(&self) -> usize {
        usize::from(self.limits.receive_maximum.max(1))
    }

    /// Unanswered publishes at which nothing more is read. A 5.0 client counts those above QoS 0 itself [MQTT-3.3.4-7] and must still
    /// be heard, so there is room for as many at QoS 0.
    fn pending_maximum(&self) -> usize {
        match self.version {
            Version::V311 => self.receive_maximum(),
            Version::V5 => 2 * self.receive_maximum(),
        }
    }
}

fn protocol_error(reason: &'static str) -> Refusal {
    Refusal::new(ErrorCode::ProtocolError, reason)
}
