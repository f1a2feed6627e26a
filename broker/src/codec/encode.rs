//! Writes packets of every kind. Each packet is described once, by `body`; counting and writing both run it.

use bytes::BytesMut;

use super::EncodeError;
use super::frame::{
    AUTH, CONNACK, CONNECT, DISCONNECT, PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, SUBSCRIBE,
    UNSUBACK, UNSUBSCRIBE,
};
use super::packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, Publish, PublishProperties, SubAck, Subscribe, Version, Will,
};
use super::properties as id;
use super::sink::{Count, Sink, put_binary, put_byte, put_four, put_text, put_two, put_variable, variable_len};

/// Appends a packet.
///
/// # Errors
/// [`EncodeError`] when a field is too long for the wire; then nothing is appended.
pub fn encode(packet: &Packet, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
    let mut count = Count::default();
    body(packet, version, &mut count)?;
    if count.0 > 0x0fff_ffff {
        return Err(EncodeError::PacketTooLong);
    }
    out.reserve(5 + count.0);
    put_byte(out, first_byte(packet));
    put_variable(out, count.0)?;
    body(packet, version, out)
}

/// Bytes that [`encode`] appends.
#[must_use]
pub fn encoded_len(packet: &Packet, version: Version) -> usize {
    let mut count = Count::default();
    match body(packet, version, &mut count) {
        Ok(()) => 1 + variable_len(count.0) + count.0,
        Err(_) => usize::MAX,
    }
}

fn first_byte(packet: &Packet) -> u8 {
    match packet {
        Packet::Connect(_) => CONNECT << 4,
        Packet::ConnAck(_) => CONNACK << 4,
        Packet::Publish(publish) => {
            PUBLISH << 4 | u8::from(publish.dup) << 3 | (publish.qos as u8) << 1 | u8::from(publish.retain)
        }
        Packet::PubAck(_) => PUBACK << 4,
        Packet::PubRec(_) => PUBREC << 4,
        Packet::PubRel(_) => PUBREL << 4 | 0b0010,
        Packet::PubComp(_) => PUBCOMP << 4,
        Packet::Subscribe(_) => SUBSCRIBE << 4 | 0b0010,
        Packet::SubAck(_) => SUBACK << 4,
        Packet::Unsubscribe(_) => UNSUBSCRIBE << 4 | 0b0010,
        Packet::UnsubAck(_) => UNSUBACK << 4,
        Packet::PingReq => PINGREQ << 4,
        Packet::PingResp => PINGRESP << 4,
        Packet::Disconnect(_) => DISCONNECT << 4,
        Packet::Auth(_) => AUTH << 4,
    }
}

fn body(packet: &Packet, version: Version, sink: &mut impl Sink) -> Result<(), EncodeError> {
    let v5 = version == Version::V5;
    match packet {
        Packet::Connect(connect) => put_connect(connect, v5, sink),
        Packet::ConnAck(connack) => put_connack(connack, v5, sink),
        Packet::Publish(publish) => put_publish(publish, v5, sink),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            put_ack(ack, v5, sink)
        }
        Packet::Subscribe(subscribe) => put_subscribe(subscribe, v5, sink),
        Packet::SubAck(suback) => put_suback(suback, v5, true, sink),
        Packet::UnsubAck(unsuback) => put_suback(unsuback, v5, false, sink),
        Packet::Unsubscribe(unsubscribe) => {
            put_two(sink, unsubscribe.packet_id);
            put_properties(v5, sink, |sink| put_users(&unsubscribe.user_properties, sink))?;
            unsubscribe.filters.iter().try_for_each(|filter| put_text(sink, filter))
        }
        Packet::PingReq | Packet::PingResp => Ok(()),
        Packet::Disconnect(disconnect) => put_disconnect(disconnect, v5, sink),
        Packet::Auth(auth) if v5 => put_auth(auth, sink),
        Packet::Auth(_) => Err(EncodeError::NotInVersion),
    }
}

fn put_connect(connect: &Connect, v5: bool, sink: &mut impl Sink) -> Result<(), EncodeError> {
    put_text(sink, "MQTT")?;
    put_byte(sink, if v5 { 5 } else { 4 });
    let will = connect.will.as_ref();
    put_byte(
        sink,
        u8::from(connect.user_name.is_some()) << 7
            | u8::from(connect.password.is_some()) << 6
            | will.map_or(0, |will| u8::from(will.retain) << 5 | (will.qos as u8) << 3 | 1 << 2)
            | u8::from(connect.clean_start) << 1,
    );
    put_two(sink, connect.keep_alive);
    put_properties(v5, sink, |mut sink| {
        put_optional(connect.session_expiry, id::SESSION_EXPIRY, &mut sink, put_four);
        put_optional(connect.receive_maximum, id::RECEIVE_MAXIMUM, &mut sink, put_two);
        put_optional(connect.maximum_packet_size, id::MAXIMUM_PACKET_SIZE, &mut sink, put_four);
        put_optional(
            Some(connect.topic_alias_maximum).filter(|maximum| *maximum > 0),
            id::TOPIC_ALIAS_MAXIMUM,
            &mut sink,
            put_two,
        );
        put_optional(connect.request_response_information.then_some(1), id::REQUEST_RESPONSE, &mut sink, put_byte);
        put_optional((!connect.request_problem_information).then_some(0), id::REQUEST_PROBLEM, &mut sink, put_byte);
        put_optional_text(connect.auth_method.as_deref(), id::AUTH_METHOD, &mut sink)?;
        put_optional_binary(connect.auth_data.as_deref(), id::AUTH_DATA, &mut sink)?;
        put_users(&connect.user_properties, sink)
    })?;
    put_text(sink, &connect.client_id)?;
    if let Some(will) = will {
        put_will(will, v5, sink)?;
    }
    if let Some(name) = &connect.user_name {
        put_text(sink, name)?;
    }
    if let Some(password) = &connect.password {
        put_binary(sink, password)?;
    }
    Ok(())
}

fn put_will(will: &Will, v5: bool, sink: &mut impl Sink) -> Result<(), EncodeError> {
    put_properties(v5, sink, |mut sink| {
        put_optional(Some(will.delay).filter(|delay| *delay > 0), id::WILL_DELAY, &mut sink, put_four);
        put_publish_properties(&will.properties, sink)
    })?;
    put_text(sink, &will.topic)?;
    put_binary(sink, &will.payload)
}

fn put_connack(connack: &ConnAck, v5: bool, sink: &mut impl Sink) -> Result<(), EncodeError> {
    put_byte(sink, u8::from(connack.session_present));
    put_byte(sink, if v5 { connack.reason } else { return_code(connack.reason) });
    let flag = |value: Option<bool>| value.map(u8::from);
    put_properties(v5, sink, |mut sink| {
        put_optional(connack.session_expiry, id::SESSION_EXPIRY, &mut sink, put_four);
        put_optional(connack.receive_maximum, id::RECEIVE_MAXIMUM, &mut sink, put_two);
        put_optional(connack.maximum_qos, id::MAXIMUM_QOS, &mut sink, put_byte);
        put_optional(flag(connack.retain_available), id::RETAIN_AVAILABLE, &mut sink, put_byte);
        put_optional(connack.maximum_packet_size, id::MAXIMUM_PACKET_SIZE, &mut sink, put_four);
        put_optional_text(connack.assigned_client_id.as_deref(), id::ASSIGNED_CLIENT_ID, &mut sink)?;
        put_optional(
            Some(connack.topic_alias_maximum).filter(|maximum| *maximum > 0),
            id::TOPIC_ALIAS_MAXIMUM,
            &mut sink,
            put_two,
        );
        put_optional_text(connack.reason_string.as_deref(), id::REASON_STRING, &mut sink)?;
        put_optional(flag(connack.wildcard_available), id::WILDCARD_AVAILABLE, &mut sink, put_byte);
        put_optional(flag(connack.subscription_ids_available), id::SUBSCRIPTION_IDS_AVAILABLE, &mut sink, put_byte);
        put_optional(flag(connack.shared_available), id::SHARED_AVAILABLE, &mut sink, put_byte);
        put_optional(connack.server_keep_alive, id::SERVER_KEEP_ALIVE, &mut sink, put_two);
        put_optional_text(connack.response_information.as_deref(), id::RESPONSE_INFORMATION, &mut sink)?;
        put_users(&connack.user_properties, sink)
    })
}

/// The 3.1.1 return code (3.2.2.3) that comes nearest to a 5.0 reason.
fn return_code(reason: u8) -> u8 {
    match reason {
        0 => 0,
        0x84 => 1,
        0x85 => 2,
        0x86 => 4,
        0x87 | 0x8a | 0x8c => 5,
        _ => 3,
    }
}

fn put_publish(publish: &Publish, v5: bool, sink: &mut impl Sink) -> Result<(), EncodeError> {
    put_text(sink, &publish.topic)?;
    if let Some(packet_id) = publish.packet_id {
        put_two(sink, packet_id);
    }
    put_properties(v5, sink, |sink| put_publish_properties(&publish.properties, sink))?;
    sink.put(&publish.payload);
    Ok(())
}

fn put_publish_properties(properties: &PublishProperties, mut sink: &mut dyn Sink) -> Result<(), EncodeError> {
    put_optional(properties.utf8_payload.map(u8::from), id::PAYLOAD_FORMAT, &mut sink, put_byte);
    put_optional(properties.message_expiry, id::MESSAGE_EXPIRY, &mut sink, put_four);
    put_optional(properties.topic_alias, id::TOPIC_ALIAS, &mut sink, put_two);
    put_optional_text(properties.response_topic.as_deref(), id::RESPONSE_TOPIC, &mut sink)?;
    put_optional_binary(properties.correlation_data.as_deref(), id::CORRELATION_DATA, &mut sink)?;
    for identifier in &properties.subscription_ids {
        put_byte(&mut sink, id::SUBSCRIPTION_ID);
        put_variable(&mut sink, *identifier as usize)?;
    }
    put_optional_text(properties.content_type.as_deref(), id::CONTENT_TYPE, &mut sink)?;
    put_users(&properties.user_properties, sink)
}

fn put_ack(ack: &Ack, v5: bool, sink: &mut impl Sink) -> Result<(), EncodeError> {
    put_two(sink, ack.packet_id);
    let bare = ack.reason_string.is_none() && ack.user_properties.is_empty();
    if !v5 || (ack.reason == 0 && bare) {
        return Ok(());
    }
    put_byte(sink, ack.reason);
    if bare {
        return Ok(());
    }
    put_properties(v5, sink, |sink| put_reason(ack.reason_string.as_deref(), &ack.user_properties, sink))
}

fn put_subscribe(subscribe: &Subscribe, v5: bool, sink: &mut impl Sink) -> Result<(), EncodeError> {
    put_two(sink, subscribe.packet_id);
    put_properties(v5, sink, |mut sink| {
        if let Some(identifier) = subscribe.identifier {
            put_byte(&mut sink, id::SUBSCRIPTION_ID);
            put_variable(&mut sink, identifier as usize)?;
        }
        put_users(&subscribe.user_properties, sink)
    })?;
    for filter in &subscribe.filters {
        put_text(sink, &filter.filter)?;
        let options =
            u8::from(filter.no_local) << 2 | u8::from(filter.retain_as_published) << 3 | filter.retain_handling << 4;
        put_byte(sink, filter.qos as u8 | if v5 { options } else { 0 });
    }
    Ok(())
}

fn put_suback(suback: &SubAck, v5: bool, reasons_on_v3: bool, sink: &mut impl Sink) -> Result<(), EncodeError> {
    put_two(sink, suback.packet_id);
    put_properties(v5, sink, |sink| put_reason(suback.reason_string.as_deref(), &suback.user_properties, sink))?;
    if v5 {
        sink.put(&suback.reasons);
    } else if reasons_on_v3 {
        suback.reasons.iter().for_each(|reason| put_byte(sink, if *reason < 0x80 { *reason } else { 0x80 }));
    }
    Ok(())
}

fn put_disconnect(disconnect: &Disconnect, v5: bool, sink: &mut impl Sink) -> Result<(), EncodeError> {
    if !v5 || *disconnect == Disconnect::default() {
        return Ok(());
    }
    put_byte(sink, disconnect.reason);
    if *disconnect == (Disconnect { reason: disconnect.reason, ..Disconnect::default() }) {
        return Ok(());
    }
    put_properties(v5, sink, |mut sink| {
        put_optional(disconnect.session_expiry, id::SESSION_EXPIRY, &mut sink, put_four);
        put_optional_text(disconnect.server_reference.as_deref(), id::SERVER_REFERENCE, &mut sink)?;
        put_reason(disconnect.reason_string.as_deref(), &disconnect.user_properties, sink)
    })
}

fn put_auth(auth: &Auth, sink: &mut impl Sink) -> Result<(), EncodeError> {
    if *auth == Auth::default() {
        return Ok(());
    }
    put_byte(sink, auth.reason);
    put_properties(true, sink, |mut sink| {
        put_optional_text(auth.method.as_deref(), id::AUTH_METHOD, &mut sink)?;
        put_optional_binary(auth.data.as_deref(), id::AUTH_DATA, &mut sink)?;
        put_reason(auth.reason_string.as_deref(), &auth.user_properties, sink)
    })
}

/// A property section: its length, then what `write` puts. Nothing on 3.1.1.
fn put_properties(
    v5: bool,
    sink: &mut impl Sink,
    write: impl Fn(&mut dyn Sink) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    if !v5 {
        return Ok(());
    }
    let mut count = Count::default();
    write(&mut count)?;
    put_variable(sink, count.0)?;
    write(sink)
}

fn put_reason(reason: Option<&str>, users: &[(String, String)], mut sink: &mut dyn Sink) -> Result<(), EncodeError> {
    put_optional_text(reason, id::REASON_STRING, &mut sink)?;
    put_users(users, sink)
}

fn put_users(users: &[(String, String)], mut sink: &mut dyn Sink) -> Result<(), EncodeError> {
    for (name, value) in users {
        put_byte(&mut sink, id::USER_PROPERTY);
        put_text(&mut sink, name)?;
        put_text(&mut sink, value)?;
    }
    Ok(())
}

fn put_optional<S: Sink, T>(value: Option<T>, id: u8, sink: &mut S, put: impl Fn(&mut S, T)) {
    if let Some(value) = value {
        put_byte(sink, id);
        put(sink, value);
    }
}

fn put_optional_text(value: Option<&str>, id: u8, sink: &mut impl Sink) -> Result<(), EncodeError> {
    put_optional_binary(value.map(str::as_bytes), id, sink)
}

fn put_optional_binary(value: Option<&[u8]>, id: u8, sink: &mut impl Sink) -> Result<(), EncodeError> {
    match value {
        None => Ok(()),
        Some(value) => {
            put_byte(sink, id);
            put_binary(sink, value)
        }
    }
}
