//! Looks at raw packets for what the codec crate lets through, or calls by a coarser name than the specification does.

use bytes::BytesMut;

use super::fields::Fields;
use super::frame::{
    AUTH, CONNACK, CONNECT, DISCONNECT, PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBREC, PUBREL, SUBACK, SUBSCRIBE,
    UNSUBACK, UNSUBSCRIBE,
};
use super::packet::Version;
use super::{DecodeError, properties, text};

const CLEAN_START: u8 = 0b0000_0010;
const WILL: u8 = 0b0000_0100;
const WILL_QOS_AND_RETAIN: u8 = 0b0011_1000;
const PASSWORD: u8 = 0b0100_0000;
const USER_NAME: u8 = 0b1000_0000;

/// Checks a packet other than PUBLISH.
pub(super) fn check(first: u8, body: &[u8], version: Version) -> Result<(), DecodeError> {
    let packet_type = first >> 4;
    // [MQTT-2.1.3-1]
    let flags = if matches!(packet_type, PUBREL | SUBSCRIBE | UNSUBSCRIBE) { 0b0010 } else { 0 };
    if first & 0x0f != flags {
        return Err(DecodeError::malformed("the reserved flags of the fixed header are wrong"));
    }
    let v5 = version == Version::V5;
    let mut fields = Fields(body);
    match packet_type {
        CONNECT => check_connect(fields, version),
        CONNACK => {
            fields.take(2)?;
            check_properties(packet_type, &mut fields, v5)?;
            check_end(&fields)
        }
        PUBACK | PUBREC | PUBREL | PUBCOMP => {
            fields.packet_id()?;
            if v5 && !fields.is_empty() {
                fields.byte()?;
                check_reason_properties(packet_type, &mut fields)?;
            }
            check_end(&fields)
        }
        SUBSCRIBE | UNSUBSCRIBE => {
            fields.packet_id()?;
            check_properties(packet_type, &mut fields, v5)?;
            check_filters(packet_type, fields, v5)
        }
        SUBACK | UNSUBACK => {
            fields.packet_id()?;
            check_properties(packet_type, &mut fields, v5)
        }
        PINGREQ | PINGRESP => check_end(&fields),
        DISCONNECT if !v5 => check_end(&fields),
        DISCONNECT | AUTH if v5 => {
            if !fields.is_empty() {
                fields.byte()?;
                check_reason_properties(packet_type, &mut fields)?;
            }
            check_end(&fields)
        }
        _ => Err(DecodeError::malformed("there is no such packet type")),
    }
}

/// Sets Clean Start in a CONNECT and returns what it was. The crate refuses an empty client id without Clean Start, which 5.0 allows
/// and which 3.1.1 wants answered with a CONNACK [MQTT-3.1.3-8].
pub(super) fn open_clean_start(first: u8, header: usize, frame: &mut BytesMut) -> bool {
    if first >> 4 != CONNECT {
        return false;
    }
    let name_length = frame.get(header + 1).copied().map_or(0, usize::from);
    match frame.get_mut(header + 2 + name_length + 1) {
        Some(flags) => {
            let clean_start = *flags & CLEAN_START != 0;
            *flags |= CLEAN_START;
            clean_start
        }
        None => false,
    }
}

fn check_connect(mut fields: Fields<'_>, version: Version) -> Result<(), DecodeError> {
    let name = fields.binary()?;
    let level = fields.byte()?;
    let known = match version {
        Version::V5 => (name, level) == (b"MQTT", 5),
        Version::V311 => (name, level) == (b"MQTT", 4),
    };
    if !known {
        return Err(DecodeError::protocol("CONNECT is of another protocol version than the connection"));
    }
    let flags = fields.byte()?;
    // [MQTT-3.1.2-3]
    if flags & 1 != 0 {
        return Err(DecodeError::malformed("the reserved flag of CONNECT is set"));
    }
    // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
    if flags & WILL == 0 && flags & WILL_QOS_AND_RETAIN != 0 {
        return Err(DecodeError::malformed("will QoS or will retain is set without a will"));
    }
    // [MQTT-3.1.2-12]
    if flags & 0b0001_1000 == 0b0001_1000 {
        return Err(DecodeError::malformed("will QoS 3 does not exist"));
    }
    let v5 = version == Version::V5;
    // [MQTT-3.1.2-22] of 3.1.1; 5.0 allows a password alone.
    if !v5 && flags & PASSWORD != 0 && flags & USER_NAME == 0 {
        return Err(DecodeError::malformed("a password is given without a user name"));
    }
    fields.two_bytes()?;
    check_properties(CONNECT, &mut fields, v5)?;
    fields.text()?;
    if flags & WILL != 0 {
        check_properties(properties::WILL, &mut fields, v5)?;
        text::check_topic(fields.text()?)?;
        fields.binary()?;
    }
    if flags & USER_NAME != 0 {
        fields.text()?;
    }
    if flags & PASSWORD != 0 {
        fields.binary()?;
    }
    check_end(&fields)
}

fn check_filters(packet_type: u8, mut fields: Fields<'_>, v5: bool) -> Result<(), DecodeError> {
    // [MQTT-3.8.3-2], [MQTT-3.10.3-2]
    if fields.is_empty() {
        return Err(DecodeError::protocol("no topic filter is given"));
    }
    while !fields.is_empty() {
        let filter = fields.text()?;
        text::check_filter(filter)?;
        if packet_type == UNSUBSCRIBE {
            continue;
        }
        let options = fields.byte()?;
        // [MQTT-3.8.3-5]; on 3.1.1 all bits but the QoS are reserved [MQTT-3-8.3-4].
        if options & if v5 { 0b1100_0000 } else { 0b1111_1100 } != 0 {
            return Err(DecodeError::malformed("reserved bits of the subscription options are set"));
        }
        if options & 0b11 == 0b11 {
            return Err(DecodeError::protocol("QoS 3 does not exist"));
        }
        if options & 0b0011_0000 == 0b0011_0000 {
            return Err(DecodeError::protocol("retain handling 3 does not exist"));
        }
        // [MQTT-3.8.3-4]
        if options & 0b0100 != 0 && filter.starts_with("$share/") {
            return Err(DecodeError::protocol("no local is set on a shared subscription"));
        }
    }
    Ok(())
}

fn check_properties(packet_type: u8, fields: &mut Fields<'_>, v5: bool) -> Result<(), DecodeError> {
    if v5 { properties::check(packet_type, fields.properties()?) } else { Ok(()) }
}

/// Properties that may be left out, length included, behind a reason code.
fn check_reason_properties(packet_type: u8, fields: &mut Fields<'_>) -> Result<(), DecodeError> {
    if fields.is_empty() { Ok(()) } else { check_properties(packet_type, fields, true) }
}

fn check_end(fields: &Fields<'_>) -> Result<(), DecodeError> {
    if fields.is_empty() { Ok(()) } else { Err(DecodeError::malformed("the packet has bytes behind its end")) }
}
