//! From our error numbers to MQTT 5 reason codes, which differ by packet (MQTT 5.0, table 2-6).

use longwave_model::ErrorCode;

use crate::codec::packet::{Packet, UserProperties};

/// For CONNACK; `None` for what will pass, where the connection is closed without one.
pub(super) fn of_connack(code: ErrorCode) -> Option<u8> {
    Some(match code {
        ErrorCode::BadCredentials => 0x86,
        ErrorCode::BadDeviceId => 0x85,
        ErrorCode::AuthMethod => 0x8c,
        ErrorCode::Banned => 0x8a,
        ErrorCode::TokenExpired | ErrorCode::WillUnavailable | ErrorCode::NotYourTopic => 0x87,
        ErrorCode::DiskFull
        | ErrorCode::StoreUnavailable
        | ErrorCode::Overloaded
        | ErrorCode::ServerStopping
        | ErrorCode::RateLimited => {
            return None;
        }
        ErrorCode::MalformedPacket => 0x81,
        ErrorCode::ProtocolError => 0x82,
        ErrorCode::PacketTooLarge => 0x95,
        _ => 0x80,
    })
}

/// For DISCONNECT.
pub(super) fn of_disconnect(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::BadCredentials
        | ErrorCode::TokenExpired
        | ErrorCode::BadDeviceId
        | ErrorCode::NotYourTopic
        | ErrorCode::WillUnavailable => 0x87,
        ErrorCode::AuthMethod => 0x8c,
        ErrorCode::SessionTakenOver => 0x8e,
        ErrorCode::Banned => 0x98,
        ErrorCode::ServerStopping => 0x8b,
        ErrorCode::KeepAliveTimeout => 0x8d,
        ErrorCode::ProtocolError | ErrorCode::ConnectExpected => 0x82,
        ErrorCode::MalformedPacket | ErrorCode::BadFilter => 0x81,
        ErrorCode::PacketTooLarge => 0x95,
        ErrorCode::ReceiveMaximum => 0x93,
        ErrorCode::TopicAlias => 0x94,
        ErrorCode::RetainUnavailable => 0x9a,
        ErrorCode::SharedUnavailable => 0x9e,
        ErrorCode::RateLimited => 0x96,
        ErrorCode::TooManySubscriptions => 0x97,
        ErrorCode::Overloaded | ErrorCode::DiskFull | ErrorCode::StoreUnavailable => 0x89,
        _ => 0x83,
    }
}

/// For PUBACK and PUBREC.
pub(super) fn of_puback(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::NotYourTopic
        | ErrorCode::NotAMember
        | ErrorCode::RoleTooLow
        | ErrorCode::Blocked
        | ErrorCode::DirectClosed
        | ErrorCode::BadCredentials
        | ErrorCode::TokenExpired => 0x87,
        ErrorCode::UnknownTopic | ErrorCode::UnknownPeer | ErrorCode::UnknownConversation | ErrorCode::BadFilter => {
            0x90
        }
        ErrorCode::BadPayload
        | ErrorCode::BadMessageId
        | ErrorCode::BodyTooLarge
        | ErrorCode::BadSeq
        | ErrorCode::UnknownMethod
        | ErrorCode::BadParams => 0x99,
        ErrorCode::RateLimited | ErrorCode::DiskFull | ErrorCode::Overloaded | ErrorCode::RetainedFull => 0x97,
        _ => 0x83,
    }
}

/// For one filter of SUBACK.
pub(super) fn of_suback(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::NotYourTopic | ErrorCode::NotAMember | ErrorCode::RoleTooLow => 0x87,
        ErrorCode::BadFilter | ErrorCode::UnknownTopic | ErrorCode::UnknownConversation | ErrorCode::UnknownPeer => {
            0x8f
        }
        ErrorCode::SharedUnavailable => 0x9e,
        ErrorCode::TooManySubscriptions | ErrorCode::RateLimited | ErrorCode::DiskFull | ErrorCode::Overloaded => 0x97,
        _ => 0x83,
    }
}

/// The user property `error`: the number, whose page in docs/errors says what to do.
pub(super) fn error_property(code: ErrorCode) -> UserProperties {
    vec![("error".to_owned(), code.number().to_string())]
}

/// The Reason String of a packet that can have one.
pub(super) fn reason_string(packet: &mut Packet) -> Option<&mut Option<String>> {
    Some(match packet {
        Packet::ConnAck(packet) => &mut packet.reason_string,
        Packet::PubAck(packet) | Packet::PubRec(packet) | Packet::PubRel(packet) | Packet::PubComp(packet) => {
            &mut packet.reason_string
        }
        Packet::SubAck(packet) | Packet::UnsubAck(packet) => &mut packet.reason_string,
        Packet::Disconnect(packet) => &mut packet.reason_string,
        _ => return None,
    })
}

/// The User Properties of a packet from which they may be left out.
pub(super) fn user_properties(packet: &mut Packet) -> Option<&mut UserProperties> {
    Some(match packet {
        Packet::ConnAck(packet) => &mut packet.user_properties,
        Packet::PubAck(packet) | Packet::PubRec(packet) | Packet::PubRel(packet) | Packet::PubComp(packet) => {
            &mut packet.user_properties
        }
        Packet::SubAck(packet) | Packet::UnsubAck(packet) => &mut packet.user_properties,
        Packet::Disconnect(packet) => &mut packet.user_properties,
        _ => return None,
    })
}
