//! One MQTT session over one connection, as a pure state machine: state + event + now → effects. It knows no socket and no clock.

mod effect;
mod event;

use std::sync::Arc;

pub use effect::Effect;
pub use event::{Event, OpenedSession};

use crate::codec::packet::Version;
use crate::limits::Limits;

/// The time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never goes back, from any start.
    pub monotonic: u64,
    /// Unix time in milliseconds.
    pub unix: u64,
}

/// The state of one connection's session.
#[derive(Debug)]
pub struct Session {
    limits: Arc<Limits>,
    accepted: u64,
}

impl Session {
    /// A session whose connection was accepted at `accepted` (monotonic milliseconds). `nonce` is random; an assigned client id is
    /// made of it.
    #[must_use]
    pub fn new(limits: Arc<Limits>, accepted: u64, nonce: u64) -> Self {
        let _ = nonce;
        Self { limits, accepted }
    }

    /// Takes an event and appends what is to be done, in order. After [`Effect::Close`] it does nothing.
    pub fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        let _ = (event, now, effects);
    }

    /// How many deliveries at QoS 1 still fit. 0 before CONNACK and after the end.
    #[must_use]
    pub fn room(&self) -> usize {
        0
    }

    /// Whether CONNACK has said yes and the session has not ended: deliveries at QoS 0 may be handed in even when [`Self::room`] is 0.
    #[must_use]
    pub fn is_live(&self) -> bool {
        false
    }

    /// Whether [`Effect::Close`] has been given.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        false
    }

    /// Whether the next packet may be handed in. Ask before every packet, also before those that are already in the read buffer.
    #[must_use]
    pub fn reads(&self) -> bool {
        true
    }

    /// When, in monotonic milliseconds, [`Event::Tick`] is due at the latest. May move with every event.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        Some(self.accepted + self.limits.connect_seconds * 1_000)
    }

    /// The version to encode for; 3.1.1 before CONNECT.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::V311
    }

    /// The largest packet in bytes that the decoder shall accept now.
    #[must_use]
    pub fn packet_limit(&self) -> usize {
        self.limits.connect_packet_bytes
    }
}
