//! From the crate's 3.1.1 packets to ours.

use rmqtt_codec::v3::{self, ConnectAckReason, SubscribeReturnCode};

use super::DecodeError;
use super::from_v5::{bytes, qos};
use super::packet::{
    Ack, ConnAck, Connect, Packet, PublishProperties, SubAck, Subscribe, SubscribeFilter, Unsubscribe, Version, Will,
};

pub(super) fn packet(packet: v3::Packet) -> Result<Packet, DecodeError> {
    let ack = |packet_id: std::num::NonZeroU16| Ack { packet_id: packet_id.get(), ..Ack::default() };
    Ok(match packet {
        v3::Packet::Connect(packet) => Packet::Connect(Box::new(connect(*packet))),
        v3::Packet::ConnectAck(packet) => Packet::ConnAck(Box::new(ConnAck {
            session_present: packet.session_present,
            reason: reason(packet.return_code)?,
            ..ConnAck::default()
        })),
        v3::Packet::Publish(_) => return Err(DecodeError::malformed("a publish is not read here")),
        v3::Packet::PublishAck { packet_id } => Packet::PubAck(ack(packet_id)),
        v3::Packet::PublishReceived { packet_id } => Packet::PubRec(ack(packet_id)),
        v3::Packet::PublishRelease { packet_id } => Packet::PubRel(ack(packet_id)),
        v3::Packet::PublishComplete { packet_id } => Packet::PubComp(ack(packet_id)),
        v3::Packet::Subscribe { packet_id, topic_filters } => Packet::Subscribe(Box::new(Subscribe {
            packet_id: packet_id.get(),
            identifier: None,
            filters: topic_filters
                .into_iter()
                .map(|(filter, maximum)| SubscribeFilter {
                    filter: filter.to_string(),
                    qos: qos(maximum),
                    no_local: false,
                    retain_as_published: false,
                    retain_handling: 0,
                })
                .collect(),
            user_properties: Vec::new(),
        })),
        v3::Packet::SubscribeAck { packet_id, status } => Packet::SubAck(SubAck {
            packet_id: packet_id.get(),
            reasons: status
                .into_iter()
                .map(|status| match status {
                    SubscribeReturnCode::Success(granted) => qos(granted) as u8,
                    SubscribeReturnCode::Failure => 0x80,
                })
                .collect(),
            ..SubAck::default()
        }),
        v3::Packet::Unsubscribe { packet_id, topic_filters } => Packet::Unsubscribe(Box::new(Unsubscribe {
            packet_id: packet_id.get(),
            filters: topic_filters.into_iter().map(|filter| filter.to_string()).collect(),
            user_properties: Vec::new(),
        })),
        v3::Packet::UnsubscribeAck { packet_id } => {
            Packet::UnsubAck(SubAck { packet_id: packet_id.get(), ..SubAck::default() })
        }
        v3::Packet::PingRequest => Packet::PingReq,
        v3::Packet::PingResponse => Packet::PingResp,
        v3::Packet::Disconnect => Packet::Disconnect(Box::default()),
    })
}

fn connect(packet: v3::Connect) -> Connect {
    Connect {
        version: Version::V311,
        clean_start: packet.clean_session,
        keep_alive: packet.keep_alive,
        client_id: packet.client_id.to_string(),
        user_name: packet.username.map(|name| name.to_string()),
        password: packet.password.as_ref().map(bytes),
        will: packet.last_will.map(|will| Will {
            topic: will.topic.to_string(),
            payload: bytes(&will.message),
            qos: qos(will.qos),
            retain: will.retain,
            delay: 0,
            properties: PublishProperties::default(),
        }),
        session_expiry: None,
        receive_maximum: None,
        maximum_packet_size: None,
        topic_alias_maximum: 0,
        request_response_information: false,
        request_problem_information: true,
        auth_method: None,
        auth_data: None,
        user_properties: Vec::new(),
    }
}

fn reason(code: ConnectAckReason) -> Result<u8, DecodeError> {
    Ok(match code {
        ConnectAckReason::ConnectionAccepted => 0,
        ConnectAckReason::UnacceptableProtocolVersion => 0x84,
        ConnectAckReason::IdentifierRejected => 0x85,
        ConnectAckReason::ServiceUnavailable => 0x88,
        ConnectAckReason::BadUserNameOrPassword => 0x86,
        ConnectAckReason::NotAuthorized => 0x87,
        ConnectAckReason::Reserved => {
            return Err(DecodeError::malformed("a return code has a value that does not exist"));
        }
    })
}
