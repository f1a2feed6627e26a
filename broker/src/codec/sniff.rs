//! Tells the protocol version from the first bytes of a connection, before anything of it is believed.

use longwave_model::ErrorCode;

use super::DecodeError;
use super::frame::{self, CONNECT};
use super::packet::Version;

/// Tells the version of a connection from the beginning of its first packet, which must be a CONNECT of at most `limit` bytes.
/// `None` = more bytes are needed. Takes nothing from the buffer: the whole packet goes to a [`super::Decoder`] afterwards.
///
/// # Errors
/// [`DecodeError`] when it is no CONNECT, too large, or of an unknown protocol.
pub fn sniff(bytes: &[u8], limit: usize) -> Result<Option<Version>, DecodeError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    // [MQTT-3.1.0-1]
    if *first != CONNECT << 4 {
        return Err(DecodeError::new(0x82, ErrorCode::ConnectExpected, "the first packet is not CONNECT"));
    }
    let Some(header) = frame::header(bytes, limit)? else { return Ok(None) };
    let body = &bytes[header.len..];
    let cut_off = |needed: usize| {
        if header.remaining < needed { Err(DecodeError::malformed("CONNECT is cut off")) } else { Ok(None) }
    };
    let Some(name_length) = body.first_chunk::<2>() else { return cut_off(2) };
    let name_length = usize::from(u16::from_be_bytes(*name_length));
    if name_length != 4 && name_length != 6 {
        return Err(unknown());
    }
    let Some(name) = body.get(2..2 + name_length) else { return cut_off(3 + name_length) };
    let Some(level) = body.get(2 + name_length) else { return cut_off(3 + name_length) };
    match (name, level) {
        (b"MQTT", 5) => Ok(Some(Version::V5)),
        (b"MQTT", 4) => Ok(Some(Version::V311)),
        (b"MQIsdp", 3) => Err(unsupported("MQTT 3.1 is not spoken here, only 3.1.1 and 5.0")),
        _ => Err(unknown()),
    }
}

fn unknown() -> DecodeError {
    unsupported("the protocol is not MQTT 3.1.1 or 5.0")
}

/// Unsupported Protocol Version [MQTT-3.1.2-1], [MQTT-3.1.2-2]: to those who do not speak 5.0, return code 1.
fn unsupported(text: &'static str) -> DecodeError {
    DecodeError::new(DecodeError::UNSUPPORTED_VERSION, ErrorCode::ProtocolError, text)
}
