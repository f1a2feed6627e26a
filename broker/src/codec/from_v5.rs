//! From the crate's 5.0 packets to ours.

use bytes::Bytes;
use rmqtt_codec::types::QoS;
use rmqtt_codec::v5;

use super::DecodeError;
use super::packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PublishProperties, Qos, SubAck, Subscribe, SubscribeFilter,
    Unsubscribe, UserProperties, Version, Will,
};

pub(super) fn packet(packet: v5::Packet) -> Result<Packet, DecodeError> {
    Ok(match packet {
        v5::Packet::Connect(packet) => Packet::Connect(Box::new(connect(*packet))),
        v5::Packet::ConnectAck(packet) => Packet::ConnAck(Box::new(connack(*packet))),
        v5::Packet::Publish(_) => return Err(DecodeError::malformed("a publish is not read here")),
        v5::Packet::PublishAck(packet) => Packet::PubAck(ack(packet)),
        v5::Packet::PublishReceived(packet) => Packet::PubRec(ack(packet)),
        v5::Packet::PublishRelease(packet) => Packet::PubRel(ack2(packet)),
        v5::Packet::PublishComplete(packet) => Packet::PubComp(ack2(packet)),
        v5::Packet::Subscribe(packet) => Packet::Subscribe(Box::new(subscribe(packet))),
        v5::Packet::SubscribeAck(packet) => Packet::SubAck(SubAck {
            packet_id: packet.packet_id.get(),
            reasons: packet.status.into_iter().map(u8::from).collect(),
            reason_string: packet.reason_string.map(|text| text.to_string()),
            user_properties: user_properties(packet.properties),
        }),
        v5::Packet::Unsubscribe(packet) => Packet::Unsubscribe(Box::new(Unsubscribe {
            packet_id: packet.packet_id.get(),
            filters: packet.topic_filters.into_iter().map(|filter| filter.to_string()).collect(),
            user_properties: user_properties(packet.user_properties),
        })),
        v5::Packet::UnsubscribeAck(packet) => Packet::UnsubAck(SubAck {
            packet_id: packet.packet_id.get(),
            reasons: packet.status.into_iter().map(u8::from).collect(),
            reason_string: packet.reason_string.map(|text| text.to_string()),
            user_properties: user_properties(packet.properties),
        }),
        v5::Packet::PingRequest => Packet::PingReq,
        v5::Packet::PingResponse => Packet::PingResp,
        v5::Packet::Disconnect(packet) => Packet::Disconnect(Box::new(Disconnect {
            reason: packet.reason_code.into(),
            session_expiry: packet.session_expiry_interval_secs,
            reason_string: packet.reason_string.map(|text| text.to_string()),
            server_reference: packet.server_reference.map(|text| text.to_string()),
            user_properties: user_properties(packet.user_properties),
        })),
        v5::Packet::Auth(packet) => Packet::Auth(Box::new(Auth {
            reason: packet.reason_code.into(),
            method: packet.auth_method.map(|text| text.to_string()),
            data: packet.auth_data.as_ref().map(bytes),
            reason_string: packet.reason_string.map(|text| text.to_string()),
            user_properties: user_properties(packet.user_properties),
        })),
    })
}

fn connect(packet: v5::Connect) -> Connect {
    Connect {
        version: Version::V5,
        clean_start: packet.clean_start,
        keep_alive: packet.keep_alive,
        client_id: packet.client_id.to_string(),
        user_name: packet.username.map(|name| name.to_string()),
        password: packet.password.as_ref().map(bytes),
        will: packet.last_will.map(will),
        // The crate does not tell absent from 0; they mean the same.
        session_expiry: Some(packet.session_expiry_interval_secs).filter(|seconds| *seconds != 0),
        receive_maximum: packet.receive_max.map(std::num::NonZeroU16::get),
        maximum_packet_size: packet.max_packet_size.map(std::num::NonZeroU32::get),
        topic_alias_maximum: packet.topic_alias_max,
        request_response_information: packet.request_response_info,
        request_problem_information: packet.request_problem_info,
        auth_method: packet.auth_method.map(|text| text.to_string()),
        auth_data: packet.auth_data.as_ref().map(bytes),
        user_properties: user_properties(packet.user_properties),
    }
}

fn will(will: v5::LastWill) -> Will {
    Will {
        topic: will.topic.to_string(),
        payload: bytes(&will.message),
        qos: qos(will.qos),
        retain: will.retain,
        delay: will.will_delay_interval_sec.unwrap_or(0),
        properties: PublishProperties {
            utf8_payload: will.is_utf8_payload,
            message_expiry: will.message_expiry_interval.map(std::num::NonZeroU32::get),
            topic_alias: None,
            response_topic: will.response_topic.map(|text| text.to_string()),
            correlation_data: will.correlation_data.as_ref().map(bytes),
            user_properties: user_properties(will.user_properties),
            subscription_ids: Vec::new(),
            content_type: will.content_type.map(|text| text.to_string()),
        },
    }
}

fn connack(packet: v5::ConnectAck) -> ConnAck {
    // Values that mean the same as their absence are absent with us.
    let unless_available = |available: bool| (!available).then_some(false);
    ConnAck {
        session_present: packet.session_present,
        reason: packet.reason_code.into(),
        session_expiry: packet.session_expiry_interval_secs,
        receive_maximum: Some(packet.receive_max.get()).filter(|maximum| *maximum != u16::MAX),
        maximum_qos: Some(qos(packet.max_qos) as u8).filter(|maximum| *maximum != 2),
        retain_available: unless_available(packet.retain_available),
        maximum_packet_size: packet.max_packet_size,
        assigned_client_id: packet.assigned_client_id.map(|text| text.to_string()),
        topic_alias_maximum: packet.topic_alias_max,
        reason_string: packet.reason_string.map(|text| text.to_string()),
        wildcard_available: unless_available(packet.wildcard_subscription_available),
        subscription_ids_available: unless_available(packet.subscription_identifiers_available),
        shared_available: unless_available(packet.shared_subscription_available),
        server_keep_alive: packet.server_keepalive_sec,
        response_information: packet.response_info.map(|text| text.to_string()),
        user_properties: user_properties(packet.user_properties),
    }
}

fn ack(packet: v5::PublishAck) -> Ack {
    Ack {
        packet_id: packet.packet_id.get(),
        reason: packet.reason_code.into(),
        reason_string: packet.reason_string.map(|text| text.to_string()),
        user_properties: user_properties(packet.properties),
    }
}

fn ack2(packet: v5::PublishAck2) -> Ack {
    Ack {
        packet_id: packet.packet_id.get(),
        reason: packet.reason_code.into(),
        reason_string: packet.reason_string.map(|text| text.to_string()),
        user_properties: user_properties(packet.properties),
    }
}

fn subscribe(packet: v5::Subscribe) -> Subscribe {
    Subscribe {
        packet_id: packet.packet_id.get(),
        identifier: packet.id.map(std::num::NonZeroU32::get),
        filters: packet
            .topic_filters
            .into_iter()
            .map(|(filter, options)| SubscribeFilter {
                filter: filter.to_string(),
                qos: qos(options.qos),
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                retain_handling: options.retain_handling.into(),
            })
            .collect(),
        user_properties: user_properties(packet.user_properties),
    }
}

fn user_properties(properties: v5::UserProperties) -> UserProperties {
    properties.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// A copy of its own: what the crate returns keeps the whole packet in memory.
pub(super) fn bytes(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub(super) fn qos(qos: QoS) -> Qos {
    match qos {
        QoS::AtMostOnce => Qos::AtMostOnce,
        QoS::AtLeastOnce => Qos::AtLeastOnce,
        QoS::ExactlyOnce => Qos::ExactlyOnce,
    }
}
