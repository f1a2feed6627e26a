//! The MQTT 3.1.1 and 5.0 bytes that a load generator needs, and no more.
//!
//! This is not the product's codec: it writes and reads what its loads need, trusts its own side, and is built so that a message
//! costs a copy of a template and a few patched bytes. Judging a server with the codec that the server itself uses would also
//! hide mistakes that both share.

mod read;
mod write;

pub use read::{ConnAck, Malformed, Packet, Publish, next_packet};
pub use write::{
    Connect, PublishTemplate, write_disconnect, write_exactly_once, write_puback, write_publish, write_subscribe,
};

/// The protocol level of CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V4,
    /// MQTT 5.0.
    V5,
}

impl Version {
    /// From the number that CONNECT carries: 4 or 5.
    #[must_use]
    pub fn from_level(level: u8) -> Option<Self> {
        match level {
            4 => Some(Self::V4),
            5 => Some(Self::V5),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
