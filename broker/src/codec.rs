//! Bytes to packets and back, for both versions. This module alone knows the codec crate.
//!
//! The crate decodes all packets but PUBLISH and plain PUBACKs, which are read here: they are the hot path, must be copied out of
//! the read buffer anyway, and the crate refuses a Message Expiry Interval of 0. Framing and encoding are ours too: the crate
//! reserves the announced length as soon as a header arrives. `check` looks at the raw bytes for what the crate lets through.

mod acknowledge;
mod check;
mod encode;
mod error;
mod fields;
mod frame;
mod from_v3;
mod from_v5;
mod outgoing;
pub mod packet;
mod properties;
mod publish;
mod sink;
mod sniff;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
pub(crate) mod wire_cases;

use bytes::{Buf, BytesMut};
pub use encode::{encode, encoded_len};
pub use error::{DecodeError, EncodeError};
pub(crate) use outgoing::RECEIPT_MAX;
pub use outgoing::{Outgoing, Receipt, encode_outgoing, encode_receipt, outgoing_len};
use packet::{Packet, Version};
pub use sniff::sniff;
use tokio_util::codec::Decoder as _;

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
        self.take(buffer).map_err(|error| DecodeError { version: Some(self.version), ..error })
    }

    fn take(self, buffer: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        let Some(header) = frame::header(buffer, self.limit as usize)? else { return Ok(None) };
        if buffer.len() < header.total() {
            return Ok(None);
        }
        let frame = &buffer[..header.total()];
        let body = &frame[header.len..];
        let packet = match header.first >> 4 {
            frame::PUBLISH => publish::decode(header.first, body, self.version)?,
            _ => match acknowledge::decode(header.first, body) {
                Some(packet) => packet,
                None => self.take_rare(header.first, frame, body)?,
            },
        };
        buffer.advance(header.total());
        Ok(Some(packet))
    }

    /// Through the crate, on a copy: what it decodes refers to the memory that it is given.
    fn take_rare(self, first: u8, frame: &[u8], body: &[u8]) -> Result<Packet, DecodeError> {
        check::check(first, body, self.version)?;
        let mut copy = BytesMut::from(frame);
        let clean_start = check::open_clean_start(first, frame.len() - body.len(), &mut copy);
        let incomplete = || DecodeError::malformed("the packet is cut off");
        let mut packet = match self.version {
            Version::V311 => {
                let decoded = rmqtt_codec::v3::Codec::new(0).decode(&mut copy)?;
                from_v3::packet(decoded.ok_or_else(incomplete)?.0)?
            }
            Version::V5 => {
                let decoded = rmqtt_codec::v5::Codec::new(0, 0).decode(&mut copy)?;
                from_v5::packet(decoded.ok_or_else(incomplete)?.0)?
            }
        };
        if let Packet::Connect(connect) = &mut packet {
            connect.clean_start = clean_start;
        }
        Ok(packet)
    }
}
