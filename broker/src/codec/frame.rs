//! The fixed header: packet type, flags and remaining length.

use longwave_model::ErrorCode;

use super::DecodeError;

pub(super) const CONNECT: u8 = 1;
pub(super) const CONNACK: u8 = 2;
pub(super) const PUBLISH: u8 = 3;
pub(super) const PUBACK: u8 = 4;
pub(super) const PUBREC: u8 = 5;
pub(super) const PUBREL: u8 = 6;
pub(super) const PUBCOMP: u8 = 7;
pub(super) const SUBSCRIBE: u8 = 8;
pub(super) const SUBACK: u8 = 9;
pub(super) const UNSUBSCRIBE: u8 = 10;
pub(super) const UNSUBACK: u8 = 11;
pub(super) const PINGREQ: u8 = 12;
pub(super) const PINGRESP: u8 = 13;
pub(super) const DISCONNECT: u8 = 14;
pub(super) const AUTH: u8 = 15;

/// A fixed header that has arrived completely.
pub(super) struct Header {
    /// Packet type and flags.
    pub(super) first: u8,
    /// Bytes of the header itself.
    pub(super) len: usize,
    /// Bytes behind it.
    pub(super) remaining: usize,
}

impl Header {
    pub(super) fn total(&self) -> usize {
        self.len + self.remaining
    }
}

/// Reads the fixed header; `None` when it is not complete.
pub(super) fn header(bytes: &[u8], limit: usize) -> Result<Option<Header>, DecodeError> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let Some((remaining, len)) = variable_byte_integer(rest)? else { return Ok(None) };
    let header = Header { first, len: 1 + len, remaining };
    if header.total() > limit {
        return Err(DecodeError::new(0x95, ErrorCode::PacketTooLarge, "the packet is larger than the limit"));
    }
    Ok(Some(header))
}

/// Reads a variable byte integer and its length; `None` when it is cut off.
pub(super) fn variable_byte_integer(bytes: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            // [MQTT-1.5.5-1] The fewest bytes possible.
            if *byte == 0 && index > 0 {
                return Err(DecodeError::malformed("a variable byte integer is longer than necessary"));
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 4 {
        return Err(DecodeError::malformed("a variable byte integer has more than four bytes"));
    }
    Ok(None)
}
