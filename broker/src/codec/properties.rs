//! Property sections of 5.0: which property is of which type, where it may stand, and whether it may stand there twice.

use longwave_model::ErrorCode;

use super::DecodeError;
use super::fields::Fields;
use super::frame::{
    AUTH, CONNACK, CONNECT, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, SUBSCRIBE, UNSUBACK,
    UNSUBSCRIBE,
};

pub(super) const PAYLOAD_FORMAT: u8 = 0x01;
pub(super) const MESSAGE_EXPIRY: u8 = 0x02;
pub(super) const CONTENT_TYPE: u8 = 0x03;
pub(super) const RESPONSE_TOPIC: u8 = 0x08;
pub(super) const CORRELATION_DATA: u8 = 0x09;
pub(super) const SUBSCRIPTION_ID: u8 = 0x0b;
pub(super) const SESSION_EXPIRY: u8 = 0x11;
pub(super) const ASSIGNED_CLIENT_ID: u8 = 0x12;
pub(super) const SERVER_KEEP_ALIVE: u8 = 0x13;
pub(super) const AUTH_METHOD: u8 = 0x15;
pub(super) const AUTH_DATA: u8 = 0x16;
pub(super) const REQUEST_PROBLEM: u8 = 0x17;
pub(super) const WILL_DELAY: u8 = 0x18;
pub(super) const REQUEST_RESPONSE: u8 = 0x19;
pub(super) const RESPONSE_INFORMATION: u8 = 0x1a;
pub(super) const SERVER_REFERENCE: u8 = 0x1c;
pub(super) const REASON_STRING: u8 = 0x1f;
pub(super) const RECEIVE_MAXIMUM: u8 = 0x21;
pub(super) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
pub(super) const TOPIC_ALIAS: u8 = 0x23;
pub(super) const MAXIMUM_QOS: u8 = 0x24;
pub(super) const RETAIN_AVAILABLE: u8 = 0x25;
pub(super) const USER_PROPERTY: u8 = 0x26;
pub(super) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
pub(super) const WILDCARD_AVAILABLE: u8 = 0x28;
pub(super) const SUBSCRIPTION_IDS_AVAILABLE: u8 = 0x29;
pub(super) const SHARED_AVAILABLE: u8 = 0x2a;

/// The will properties inside CONNECT, as if they were of a packet type of their own.
pub(super) const WILL: u8 = 0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Flag,
    TwoBytes,
    TwoBytesNotZero,
    FourBytes,
    FourBytesNotZero,
    Alias,
    VariableNotZero,
    Text,
    Topic,
    Binary,
    Pair,
}

/// Checks a whole property section of a packet of this type (MQTT 5.0, 2.2.2.2).
pub(super) fn check(packet_type: u8, section: &[u8]) -> Result<(), DecodeError> {
    let mut seen = 0u64;
    let mut fields = Fields(section);
    while !fields.is_empty() {
        let id = fields.byte()?;
        let Some((kind, places)) = definition(id) else {
            return Err(DecodeError::malformed("there is no such property"));
        };
        if !places.contains(&packet_type) {
            return Err(DecodeError::malformed("a property is not allowed on this packet"));
        }
        check_value(kind, &mut fields)?;
        let repeatable = id == USER_PROPERTY || (id == SUBSCRIPTION_ID && packet_type == PUBLISH);
        if !repeatable && seen & (1 << id) != 0 {
            return Err(DecodeError::protocol("a property is given twice"));
        }
        seen |= 1 << id;
    }
    // [MQTT-3.1.2.11.10] Authentication Data without Authentication Method.
    if seen & (1 << AUTH_DATA) != 0 && seen & (1 << AUTH_METHOD) == 0 {
        return Err(DecodeError::protocol("authentication data is given without a method"));
    }
    Ok(())
}

fn check_value(kind: Type, fields: &mut Fields<'_>) -> Result<(), DecodeError> {
    match kind {
        Type::Flag if fields.byte()? > 1 => Err(DecodeError::protocol("a property is neither 0 nor 1")),
        Type::Flag => Ok(()),
        Type::TwoBytes => fields.two_bytes().map(drop),
        Type::TwoBytesNotZero if fields.two_bytes()? == 0 => Err(DecodeError::protocol("a property must not be 0")),
        Type::TwoBytesNotZero => Ok(()),
        Type::FourBytes => fields.four_bytes().map(drop),
        Type::FourBytesNotZero if fields.four_bytes()? == 0 => Err(DecodeError::protocol("a property must not be 0")),
        Type::FourBytesNotZero => Ok(()),
        // [MQTT-3.3.2-8]
        Type::Alias if fields.two_bytes()? == 0 => {
            Err(DecodeError::new(0x94, ErrorCode::TopicAlias, "the topic alias is 0"))
        }
        Type::Alias => Ok(()),
        Type::VariableNotZero if fields.variable()? == 0 => {
            Err(DecodeError::protocol("the subscription identifier is 0"))
        }
        Type::VariableNotZero => Ok(()),
        Type::Text => fields.text().map(drop),
        // [MQTT-3.3.2-14]
        Type::Topic => super::text::check_topic(fields.text()?),
        Type::Binary => fields.binary().map(drop),
        Type::Pair => {
            fields.text()?;
            fields.text().map(drop)
        }
    }
}

/// Type and places of a property (MQTT 5.0, table 2-4).
fn definition(id: u8) -> Option<(Type, &'static [u8])> {
    const EVERYWHERE: &[u8] = &[
        WILL,
        CONNECT,
        CONNACK,
        PUBLISH,
        PUBACK,
        PUBREC,
        PUBREL,
        PUBCOMP,
        SUBSCRIBE,
        SUBACK,
        UNSUBSCRIBE,
        UNSUBACK,
        DISCONNECT,
        AUTH,
    ];
    const REASONED: &[u8] = &[CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH];
    Some(match id {
        PAYLOAD_FORMAT => (Type::Flag, &[PUBLISH, WILL]),
        MESSAGE_EXPIRY => (Type::FourBytes, &[PUBLISH, WILL]),
        CONTENT_TYPE => (Type::Text, &[PUBLISH, WILL]),
        RESPONSE_TOPIC => (Type::Topic, &[PUBLISH, WILL]),
        CORRELATION_DATA => (Type::Binary, &[PUBLISH, WILL]),
        SUBSCRIPTION_ID => (Type::VariableNotZero, &[PUBLISH, SUBSCRIBE]),
        SESSION_EXPIRY => (Type::FourBytes, &[CONNECT, CONNACK, DISCONNECT]),
        ASSIGNED_CLIENT_ID => (Type::Text, &[CONNACK]),
        SERVER_KEEP_ALIVE => (Type::TwoBytes, &[CONNACK]),
        AUTH_METHOD => (Type::Text, &[CONNECT, CONNACK, AUTH]),
        AUTH_DATA => (Type::Binary, &[CONNECT, CONNACK, AUTH]),
        REQUEST_PROBLEM | REQUEST_RESPONSE => (Type::Flag, &[CONNECT]),
        WILL_DELAY => (Type::FourBytes, &[WILL]),
        RESPONSE_INFORMATION => (Type::Text, &[CONNACK]),
        SERVER_REFERENCE => (Type::Text, &[CONNACK, DISCONNECT]),
        REASON_STRING => (Type::Text, REASONED),
        RECEIVE_MAXIMUM => (Type::TwoBytesNotZero, &[CONNECT, CONNACK]),
        TOPIC_ALIAS_MAXIMUM => (Type::TwoBytes, &[CONNECT, CONNACK]),
        TOPIC_ALIAS => (Type::Alias, &[PUBLISH]),
        MAXIMUM_QOS | RETAIN_AVAILABLE | WILDCARD_AVAILABLE | SUBSCRIPTION_IDS_AVAILABLE | SHARED_AVAILABLE => {
            (Type::Flag, &[CONNACK])
        }
        USER_PROPERTY => (Type::Pair, EVERYWHERE),
        MAXIMUM_PACKET_SIZE => (Type::FourBytesNotZero, &[CONNECT, CONNACK]),
        _ => return None,
    })
}
