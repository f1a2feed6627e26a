//! Bytes to packets and back, for both versions. This module alone knows the codec crate; see the files below for what it adds.

mod error;
mod outgoing;
pub mod packet;

use bytes::BytesMut;
pub use error::{DecodeError, EncodeError};
pub use outgoing::{Outgoing, Receipt, encode_outgoing, encode_receipt};
use packet::{Packet, Version};

/// Tells the version of a connection from the beginning of its first packet, which must be a CONNECT of at most `limit` bytes.
/// `None` = more bytes are needed. Takes nothing from the buffer: the whole packet goes to a [`Decoder`] afterwards.
///
/// # Errors
/// [`DecodeError`] when it is no CONNECT, too large, or of an unknown protocol.
pub fn sniff(bytes: &[u8], limit: usize) -> Result<Option<Version>, DecodeError> {
    let _ = (bytes, limit);
    Ok(None)
}

/// Splits a stream of bytes into packets and checks them. Owns no buffer.
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    version: Version,
    limit: u32,
}

impl Decoder {
    /// For packets of at most `limit` bytes, fixed header included.
    #[must_use]
    pub fn new(version: Version, limit: usize) -> Self {
        Self { version, limit: u32::try_from(limit).unwrap_or(u32::MAX) }
    }

    /// Changes the limit.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = u32::try_from(limit).unwrap_or(u32::MAX);
    }

    /// Takes the next packet out of `buffer`, or `None` when it is not complete. Nothing in the packet refers to the buffer's memory.
    /// After an error the connection has to be closed.
    ///
    /// # Errors
    /// [`DecodeError`] with the MQTT 5 reason for what is wrong.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        let _ = (self.version, self.limit, buffer);
        Ok(None)
    }
}

/// Appends a packet.
///
/// # Errors
/// [`EncodeError`] when a field is too long for the wire.
pub fn encode(packet: &Packet, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
    let _ = (packet, version, out);
    Ok(())
}

/// Bytes that [`encode`] appends.
#[must_use]
pub fn encoded_len(packet: &Packet, version: Version) -> usize {
    let _ = (packet, version);
    0
}
