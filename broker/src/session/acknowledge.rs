//! PUBACK, PUBREC and PUBCOMP from the device: how deliveries to it end.

use longwave_port::Ticket;

use super::{Effect, Now, Session, protocol_error};
use crate::codec::packet::{Ack, Packet};

/// A delivery above QoS 0 that is not complete.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) ticket: Ticket,
    pub(super) packet_id: u16,
    pub(super) stage: Stage,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// QoS 1, for its PUBACK.
    AtLeastOnce,
    /// QoS 2, for its PUBREC.
    ExactlyOnce,
    /// QoS 2, for its PUBREC, which is stored before PUBREL.
    StoredExactlyOnce,
    /// QoS 2, for its PUBREC to be stored.
    Storing,
    /// QoS 2, for its PUBCOMP.
    Released,
}

impl Session {
    /// A PUBACK with an error counts like any other: the device will not take this message, and MQTT has no second try on the same
    /// connection; without moving on, it would be sent at every reconnect and hold up the conversation for ever. An unknown packet id
    /// is ignored: it may belong to a delivery that was given up.
    pub(super) fn delivery_acknowledged(&mut self, ack: &Ack, now: Now, effects: &mut Vec<Effect>) {
        match self.sent(ack.packet_id) {
            Some((index, Stage::AtLeastOnce)) => self.complete(index, effects),
            Some(_) => {
                self.break_off(0x82, &protocol_error("PUBACK was sent for a publish at QoS 2"), now, effects);
            }
            None => {}
        }
    }

    /// PUBREC: the device has it. From here on it must not be sent again, only PUBREL [MQTT-4.3.3-5].
    pub(super) fn delivery_received(&mut self, ack: &Ack, now: Now, effects: &mut Vec<Effect>) {
        let packet_id = ack.packet_id;
        match self.sent(packet_id) {
            Some((_, Stage::AtLeastOnce)) => {
                self.break_off(0x82, &protocol_error("PUBREC was sent for a publish at QoS 1"), now, effects);
            }
            // The device will not take it, and there is no PUBREL [MQTT-4.3.3-4].
            Some((index, Stage::ExactlyOnce | Stage::StoredExactlyOnce)) if ack.reason >= 0x80 => {
                self.complete(index, effects);
            }
            Some((index, Stage::StoredExactlyOnce)) => {
                self.outgoing[index].stage = Stage::Storing;
                effects.push(Effect::Received(self.outgoing[index].ticket));
            }
            Some((_, Stage::Storing)) => {}
            Some((index, stage)) => {
                if stage == Stage::ExactlyOnce {
                    self.outgoing[index].stage = Stage::Released;
                    effects.push(Effect::Received(self.outgoing[index].ticket));
                }
                effects.push(Effect::Send(Packet::PubRel(Ack { packet_id, ..Ack::default() })));
            }
            None if ack.reason >= 0x80 => {}
            None => {
                self.send_fitting(Packet::PubRel(self.not_found(packet_id)), effects);
            }
        }
    }

    /// PUBCOMP.
    pub(super) fn delivery_complete(&mut self, packet_id: u16, now: Now, effects: &mut Vec<Effect>) {
        match self.sent(packet_id) {
            Some((index, Stage::Released)) => self.complete(index, effects),
            Some(_) => {
                self.break_off(0x82, &protocol_error("PUBCOMP was sent before PUBREL came"), now, effects);
            }
            None => {}
        }
    }

    /// PUBREC of a delivery is stored, so that PUBREL may go; whether it is in flight on this connection.
    pub(super) fn release_delivery(&mut self, ticket: Ticket, effects: &mut Vec<Effect>) -> bool {
        let Some(sent) = self.outgoing.iter_mut().find(|sent| sent.ticket == ticket) else { return false };
        if sent.stage == Stage::Storing {
            sent.stage = Stage::Released;
            effects.push(Effect::Send(Packet::PubRel(Ack { packet_id: sent.packet_id, ..Ack::default() })));
        }
        true
    }

    /// Packet Identifier not found, in words where they are wanted [MQTT-3.1.2-29].
    pub(super) fn not_found(&self, packet_id: u16) -> Ack {
        let reason_string = self.problem_information.then(|| "nothing is in flight under this packet id".to_owned());
        Ack { packet_id, reason: 0x92, reason_string, ..Ack::default() }
    }

    fn sent(&self, packet_id: u16) -> Option<(usize, Stage)> {
        let index = self.outgoing.iter().position(|sent| sent.packet_id == packet_id)?;
        Some((index, self.outgoing[index].stage))
    }

    fn complete(&mut self, index: usize, effects: &mut Vec<Effect>) {
        if let Some(sent) = self.outgoing.remove(index) {
            effects.push(Effect::Acked(sent.ticket));
        }
        if self.outgoing.is_empty() {
            self.outgoing = std::collections::VecDeque::new();
        }
    }
}
