//! What can be wrong with bytes, with the reason that a 5.0 peer is told.

use longwave_model::{ErrorCode, Refusal};

use super::packet::Version;

/// Bytes that are no valid packet. The connection has to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text} (reason 0x{reason:02x})")]
pub struct DecodeError {
    /// Version of the connection, when it is known already.
    pub version: Option<Version>,
    /// MQTT 5 reason code for DISCONNECT, or for CONNACK when CONNECT is what is wrong.
    pub reason: u8,
    /// Our number.
    pub code: ErrorCode,
    /// What is wrong.
    pub text: &'static str,
}

impl DecodeError {
    /// The reason of a protocol or level that is not spoken here.
    pub const UNSUPPORTED_VERSION: u8 = 0x84;

    pub(super) fn new(reason: u8, code: ErrorCode, text: &'static str) -> Self {
        Self { version: None, reason, code, text }
    }

    /// Malformed Packet.
    pub(super) fn malformed(text: &'static str) -> Self {
        Self::new(0x81, ErrorCode::MalformedPacket, text)
    }

    /// Protocol Error.
    pub(super) fn protocol(text: &'static str) -> Self {
        Self::new(0x82, ErrorCode::ProtocolError, text)
    }
}

impl From<rmqtt_codec::error::DecodeError> for DecodeError {
    fn from(error: rmqtt_codec::error::DecodeError) -> Self {
        use rmqtt_codec::error::DecodeError as Crate;
        match error {
            Crate::InvalidProtocol | Crate::UnsupportedProtocolLevel => {
                Self::protocol("the protocol name or level is wrong")
            }
            Crate::InvalidLength => Self::malformed("a field reaches beyond the end of the packet"),
            Crate::Utf8Error => Self::malformed("a text is not UTF-8"),
            Crate::InvalidClientId => Self::new(0x85, ErrorCode::BadDeviceId, "the client id is empty"),
            Crate::InvalidTopicFilter => Self::new(0x81, ErrorCode::BadFilter, "a topic filter is not valid"),
            Crate::UnsupportedPacketType => Self::malformed("there is no such packet type"),
            _ => Self::malformed("a field has a value that does not exist"),
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Refusal::new(error.code, error.text)
    }
}

/// A packet that cannot be put into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text or binary field has more than 65,535 bytes.
    #[error("a field is longer than 65535 bytes")]
    FieldTooLong,
    /// The packet has more than 268,435,455 bytes behind its fixed header.
    #[error("the packet is longer than 268435455 bytes")]
    PacketTooLong,
    /// AUTH does not exist on 3.1.1.
    #[error("the packet does not exist in this version")]
    NotInVersion,
}
