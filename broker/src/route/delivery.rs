//! A copy of a message as the session gets it.

use longwave_port::{Delivery, DeliveryProperties, PlainMessage, PublishProperties, Ticket};

use super::queue::Copy;

/// Tickets of plain topics have this bit, those of the feed have not.
pub(super) const PLAIN: u64 = 1 << 63;

pub(super) fn delivery(copy: &Copy, number: Option<u64>, now: u64) -> Delivery {
    Delivery {
        topic: copy.message.topic.clone(),
        payload: copy.message.payload.clone(),
        ticket: number.map(|number| Ticket(number | PLAIN)),
        exactly_once: copy.qos == 2,
        retain: copy.retain,
        resend: None,
        released: false,
        packet_id: copy.flight.map(|flight| flight.packet_id),
        identifiers: Some(copy.identifiers.clone()),
        properties: properties(&copy.message, now),
    }
}

/// Properties are passed on as they are [MQTT-3.3.2-17] and its like; of the expiry what is left [MQTT-3.3.2-6].
fn properties(message: &PlainMessage, now: u64) -> Option<Box<DeliveryProperties>> {
    let left = message.expires_at.map(|at| u32::try_from(at.saturating_sub(now).div_ceil(1_000)).unwrap_or(u32::MAX));
    match message.properties.as_deref() {
        None => left
            .map(|left| Box::new(DeliveryProperties { expiry_seconds: Some(left), ..DeliveryProperties::default() })),
        Some(PublishProperties {
            content_type,
            correlation_data,
            response_topic,
            expiry_seconds: _,
            utf8_payload,
            user_properties,
        }) => Some(Box::new(DeliveryProperties {
            content_type: content_type.clone(),
            correlation_data: correlation_data.clone(),
            response_topic: response_topic.clone(),
            expiry_seconds: left,
            utf8_payload: *utf8_payload,
            user_properties: user_properties.clone(),
        })),
    }
}
