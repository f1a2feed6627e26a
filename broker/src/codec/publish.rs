//! Reads PUBLISH: the hot path, with one copy of topic and payload out of the read buffer.

use bytes::Bytes;

use super::DecodeError;
use super::fields::Fields;
use super::frame::PUBLISH;
use super::packet::{Packet, Publish, PublishProperties, Qos, Version};
use super::{properties, text};

pub(super) fn decode(first: u8, body: &[u8], version: Version) -> Result<Packet, DecodeError> {
    let dup = first & 0b1000 != 0;
    let qos = match (first >> 1) & 0b11 {
        0 => Qos::AtMostOnce,
        1 => Qos::AtLeastOnce,
        2 => Qos::ExactlyOnce,
        // [MQTT-3.3.1-4]
        _ => return Err(DecodeError::malformed("QoS 3 does not exist")),
    };
    // [MQTT-3.3.1-2]
    if dup && qos == Qos::AtMostOnce {
        return Err(DecodeError::malformed("DUP is set at QoS 0"));
    }
    let mut fields = Fields(body);
    let topic = fields.text()?;
    let packet_id = match qos {
        Qos::AtMostOnce => None,
        _ => Some(fields.packet_id()?),
    };
    let properties = match version {
        Version::V311 => PublishProperties::default(),
        Version::V5 => read_properties(fields.properties()?)?,
    };
    if topic.is_empty() && version == Version::V5 {
        if properties.topic_alias.is_none() {
            return Err(DecodeError::protocol("a publish has neither topic nor alias"));
        }
    } else {
        text::check_topic(topic)?;
    }
    Ok(Packet::Publish(Box::new(Publish {
        dup,
        qos,
        retain: first & 1 != 0,
        topic: topic.into(),
        packet_id,
        properties,
        payload: Bytes::copy_from_slice(fields.0),
    })))
}

fn read_properties(section: &[u8]) -> Result<PublishProperties, DecodeError> {
    let mut read = PublishProperties::default();
    if section.is_empty() {
        return Ok(read);
    }
    properties::check(PUBLISH, section)?;
    let mut fields = Fields(section);
    while !fields.is_empty() {
        match fields.byte()? {
            properties::PAYLOAD_FORMAT => read.utf8_payload = Some(fields.byte()? == 1),
            properties::MESSAGE_EXPIRY => read.message_expiry = Some(fields.four_bytes()?),
            properties::CONTENT_TYPE => read.content_type = Some(fields.text()?.to_owned()),
            properties::RESPONSE_TOPIC => read.response_topic = Some(fields.text()?.to_owned()),
            properties::CORRELATION_DATA => read.correlation_data = Some(Bytes::copy_from_slice(fields.binary()?)),
            properties::SUBSCRIPTION_ID => read.subscription_ids.push(fields.variable()?),
            properties::TOPIC_ALIAS => read.topic_alias = Some(fields.two_bytes()?),
            // The check lets nothing else pass.
            _ => read.user_properties.push((fields.text()?.to_owned(), fields.text()?.to_owned())),
        }
    }
    Ok(read)
}
