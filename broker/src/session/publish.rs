//! PUBLISH from the device: checked, its alias resolved, handed to the gate.

use std::sync::Arc;

use longwave_model::{ErrorCode, FirstSending, Refusal};
use longwave_port::{Answer, Guarantee, PublishProperties};

use super::exactly_once::Arrival;
use super::{Effect, Now, Session, protocol_error};
use crate::codec::Receipt;
use crate::codec::packet::{self, Publish, Qos, Version};

/// A publish that the gate has.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) qos: Qos,
    /// 0 at QoS 0.
    pub(super) packet_id: u16,
    /// When the client sent it first, which may have been on an earlier connection.
    pub(super) first: FirstSending,
    /// Only an older one keeps it in the queue.
    pub(super) done: bool,
    /// When it came, in monotonic milliseconds.
    pub(super) at: u64,
    /// Its answer, when one above QoS 0 before it is still without.
    pub(super) answer: Option<Box<Answer>>,
}

impl Pending {
    /// Answered and acknowledged: its packet id is free.
    pub(super) fn finish(&mut self) {
        self.qos = Qos::AtMostOnce;
        self.packet_id = 0;
        self.done = true;
    }
}

impl Session {
    pub(super) fn publish(&mut self, publish: Publish, now: Now, effects: &mut Vec<Effect>) {
        // [MQTT-3.3.4-6]
        if !publish.properties.subscription_ids.is_empty() {
            return self.break_off(
                0x82,
                &protocol_error("a client sent a subscription identifier in PUBLISH"),
                now,
                effects,
            );
        }
        // [MQTT-3.2.2-14]
        if publish.retain && !self.limits.plain_topics {
            let refusal = Refusal::new(ErrorCode::RetainUnavailable, "retained messages are not available");
            return self.break_off(0x9a, &refusal, now, effects);
        }
        let topic = match self.resolve(&publish) {
            Ok(topic) => topic,
            Err((code, refusal)) => return self.break_off(code, &refusal, now, effects),
        };
        let Some(sender) = self.sender.clone() else { return };
        let guarantee = match (publish.qos, publish.packet_id) {
            (Qos::AtMostOnce, _) => Guarantee::AtMostOnce,
            (qos, packet_id) => match self.accept(qos, packet_id.unwrap_or(0), publish.dup, now, effects) {
                Some(guarantee) => guarantee,
                None => return,
            },
        };
        self.keep_pace(topic.len() + publish.payload.len(), now, effects);
        let ticket = self.first_ticket + self.pending.len() as u64;
        let number = ticket + 1;
        let first = match guarantee {
            Guarantee::AtLeastOnce { resend_of: Some(first), .. } => first,
            _ => FirstSending { connection: sender.connection, number },
        };
        self.pending.push_back(Pending {
            qos: publish.qos,
            packet_id: publish.packet_id.unwrap_or(0),
            first,
            done: false,
            at: now.monotonic,
            answer: None,
        });
        effects.push(Effect::Publish {
            ticket,
            publish: longwave_port::Publish {
                sender,
                number,
                route: None,
                topic,
                payload: publish.payload,
                retain: publish.retain,
                guarantee,
                properties: properties(publish.properties),
                wants_notice: publish.qos == Qos::AtMostOnce || !self.receipts,
            },
        });
    }

    /// The topic that is meant.
    fn resolve(&mut self, publish: &Publish) -> Result<Arc<str>, (u8, Refusal)> {
        let Some(alias) = publish.properties.topic_alias else { return Ok(publish.topic.clone()) };
        // [MQTT-3.3.2-9]
        if alias == 0 || alias > self.limits.topic_aliases_in {
            return Err((
                0x94,
                Refusal::new(ErrorCode::TopicAlias, "the topic alias is 0 or above Topic Alias Maximum"),
            ));
        }
        if publish.topic.is_empty() {
            let known = self.aliases.as_ref().and_then(|aliases| aliases.incoming.get(alias));
            return known
                .ok_or_else(|| (0x82, Refusal::new(ErrorCode::TopicAlias, "the topic alias stands for no topic")));
        }
        self.aliases.get_or_insert_default().incoming.set(alias, &publish.topic);
        Ok(publish.topic.clone())
    }

    /// Whether a publish above QoS 0 goes on, and with what guarantee. `None` when it was dealt with here.
    fn accept(
        &mut self,
        qos: Qos,
        packet_id: u16,
        dup: bool,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Option<Guarantee> {
        let in_use = self.pending.iter().find(|pending| pending.packet_id == packet_id).map(|pending| pending.qos);
        if let Some(pending) = in_use {
            // A client of before 3.1.1 that repeats itself on the same connection: the answer to the first serves both. A second
            // PUBACK might be taken for that of a later publish with this packet id.
            if dup && pending == qos {
                return None;
            }
            // [MQTT-2.2.1-3], [MQTT-2.3.1-2] of 3.1.1
            self.break_off(0x82, &protocol_error("the packet id is in use"), now, effects);
            return None;
        }
        let mut guarantee = Guarantee::AtLeastOnce { packet_id, resend_of: None };
        match (qos, self.arrival(packet_id)) {
            (Qos::ExactlyOnce, Arrival::New(uses)) => guarantee = Guarantee::ExactlyOnce { packet_id, uses },
            (Qos::ExactlyOnce, Arrival::Repeated) if dup => {
                effects.push(Effect::Receipt(Receipt { exactly_once: true, packet_id, stored: None }));
                return None;
            }
            (_, Arrival::Repeated | Arrival::InUse) => {
                self.break_off(0x82, &protocol_error("the packet id is in use"), now, effects);
                return None;
            }
            (_, Arrival::New(_)) => {}
        }
        // [MQTT-3.3.4-7]
        if self.version == Version::V5 && self.unacknowledged() >= self.receive_maximum() {
            let refusal = Refusal::new(
                ErrorCode::ReceiveMaximum,
                "more publishes are unacknowledged than Receive Maximum allows",
            );
            self.break_off(0x93, &refusal, now, effects);
            return None;
        }
        if let Guarantee::AtLeastOnce { resend_of, .. } = &mut guarantee {
            *resend_of = self.resend_of(packet_id, dup);
        }
        Some(guarantee)
    }

    /// Publishes above QoS 0 that the client still counts.
    pub(super) fn unacknowledged(&self) -> usize {
        let open = self.exactly_once.as_ref().map_or(0, |state| state.open());
        open + self.pending.iter().filter(|pending| pending.qos != Qos::AtMostOnce).count()
    }
}

/// What of the properties means something behind the gate.
pub(super) fn properties(properties: packet::PublishProperties) -> Option<Box<PublishProperties>> {
    let kept = PublishProperties {
        content_type: properties.content_type,
        correlation_data: properties.correlation_data,
        response_topic: properties.response_topic,
        expiry_seconds: properties.message_expiry,
        utf8_payload: properties.utf8_payload,
        user_properties: properties.user_properties,
    };
    (kept != PublishProperties::default()).then(|| Box::new(kept))
}
