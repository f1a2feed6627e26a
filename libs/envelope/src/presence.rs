//! What `u/{user}/presence/{other}` says: plain text, readable without any decoder.

use bytes::Bytes;

/// Whether a user is connected with any device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// At least one device is connected.
    Online,
    /// None is.
    Offline {
        /// Unix time in seconds at which the last one went.
        since: u64,
    },
}

/// Writes the payload: `online` or `offline <unix seconds>`.
#[must_use]
pub fn encode_presence(presence: Presence) -> Bytes {
    match presence {
        Presence::Online => Bytes::from_static(b"online"),
        Presence::Offline { since } => format!("offline {since}").into(),
    }
}
