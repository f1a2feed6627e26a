//! Deliveries to the device: packet ids, subscription identifiers, aliases, and what is too large for it.

use longwave_model::{ErrorCode, Refusal};
use longwave_port::{Delivery, FIRST_CHOSEN_PACKET_ID};
use smallvec::SmallVec;

use super::acknowledge::{Sent, Stage};
use super::{Effect, Now, Session};
use crate::codec::packet::{Ack, Packet, Version};
use crate::codec::{self, Outgoing};

impl Session {
    pub(super) fn deliver(&mut self, delivery: Delivery, now: Now, effects: &mut Vec<Effect>) {
        if !self.is_live() {
            return;
        }
        let Some(ticket) = delivery.ticket else {
            let outgoing = self.outgoing(delivery, None, false);
            effects.extend(outgoing.map(Effect::Deliver));
            return;
        };
        if delivery.released && self.release_delivery(ticket, effects) {
            return;
        }
        // [MQTT-3.3.4-9]: rather than send more than the client takes, end a connection whose owner did not ask for room.
        if self.room() == 0 {
            let refusal = Refusal::new(ErrorCode::Overloaded, "more was to be delivered than the client takes at once");
            return self.close_for(&refusal, now, effects);
        }
        // [MQTT-4.4.0-1]; a packet id that is taken already cannot mean what it meant before.
        let resend = delivery.resend.map(|resend| resend.0).filter(|id| *id != 0 && !self.is_in_flight(*id));
        let chosen = delivery.packet_id.filter(|id| !self.is_in_flight(*id));
        let packet_id = resend.or(chosen).unwrap_or_else(|| self.free_packet_id());
        let dup = resend.is_some();
        if delivery.released && !dup {
            // Its packet id means something else by now; the device has the message.
            return effects.push(Effect::Acked(ticket));
        }
        if delivery.released {
            // [MQTT-4.4.0-1]: the device has the message; what is owed is PUBREL.
            self.outgoing.push_back(Sent { ticket, packet_id, stage: Stage::Released });
            effects.push(Effect::Send(Packet::PubRel(Ack { packet_id, ..Ack::default() })));
            return;
        }
        let stage = match (delivery.exactly_once, delivery.packet_id) {
            (false, _) => Stage::AtLeastOnce,
            (true, None) => Stage::ExactlyOnce,
            (true, Some(_)) => Stage::StoredExactlyOnce,
        };
        match self.outgoing(delivery, Some(packet_id), dup) {
            Some(outgoing) => {
                self.outgoing.push_back(Sent { ticket, packet_id, stage });
                effects.push(Effect::Deliver(outgoing));
            }
            // [MQTT-3.1.2-25]: act as if it had been sent and acknowledged.
            None => effects.push(Effect::Acked(ticket)),
        }
    }

    /// A PUBLISH to the device; `None` when it is larger than the device takes.
    pub(super) fn outgoing(&mut self, delivery: Delivery, packet_id: Option<u16>, dup: bool) -> Option<Outgoing> {
        let mut outgoing = Outgoing {
            topic_known: false,
            alias: 0,
            packet_id,
            exactly_once: delivery.exactly_once,
            dup,
            retain: delivery.retain,
            subscription_ids: match &delivery.identifiers {
                Some(given) if self.version == Version::V5 => given.iter().copied().collect(),
                Some(_) => SmallVec::new(),
                None => self.identifiers(&delivery.topic),
            },
            properties: delivery.properties,
            payload: delivery.payload,
            topic: delivery.topic,
        };
        if self.aliases_out_maximum > 0 {
            let aliases = &mut self.aliases.get_or_insert_default().outbound;
            (outgoing.alias, outgoing.topic_known) = aliases.assign(&outgoing.topic, self.aliases_out_maximum);
        }
        if self.maximum_packet != u32::MAX
            && codec::outgoing_len(&outgoing, self.version) > self.maximum_packet as usize
        {
            if let Some(aliases) = self.aliases.as_mut().filter(|_| outgoing.alias > 0 && !outgoing.topic_known) {
                aliases.outbound.withdraw();
            }
            return None;
        }
        Some(outgoing)
    }

    /// Subscription Identifiers of all subscriptions that match [MQTT-3.3.4-3], [MQTT-3.3.4-4].
    fn identifiers(&self, topic: &str) -> SmallVec<[u32; 2]> {
        if self.version == Version::V311 {
            return SmallVec::new();
        }
        let matching = self.held.iter().filter(|held| held.identifier.is_some() && held.matches(topic));
        matching.filter_map(|held| held.identifier.map(std::num::NonZeroU32::get)).collect()
    }

    fn is_in_flight(&self, packet_id: u16) -> bool {
        self.outgoing.iter().any(|sent| sent.packet_id == packet_id)
    }

    /// The window is smaller than the number of packet ids, so there is one. Those from [`FIRST_CHOSEN_PACKET_ID`] on are the outlet's.
    fn free_packet_id(&mut self) -> u16 {
        loop {
            self.next_packet_id = self.next_packet_id % (FIRST_CHOSEN_PACKET_ID - 1) + 1;
            if !self.is_in_flight(self.next_packet_id) {
                return self.next_packet_id;
            }
        }
    }
}
