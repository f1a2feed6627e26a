//! Answers from the gate become acknowledgements, in the order of the publishes (protocol rule 21, [MQTT-4.6.0-2]).

use std::sync::Arc;

use longwave_model::{ErrorCode, Refusal};
use longwave_port::{Answer, DeliveryProperties, Notice};

use super::publish::Pending;
use super::{Effect, Now, Session, reason};
use crate::codec::Receipt;
use crate::codec::packet::{Ack, Packet, Qos, Version};

impl Session {
    pub(super) fn answered(&mut self, ticket: u64, answer: Answer, now: Now, effects: &mut Vec<Effect>) {
        let index = ticket.checked_sub(self.first_ticket).and_then(|index| usize::try_from(index).ok());
        let Some(index) =
            index.filter(|index| self.pending.get(*index).is_some_and(|pending| pending.answer.is_none()))
        else {
            return;
        };
        if answer == Answer::Unknown {
            let refusal = Refusal::new(ErrorCode::AnswerTimeout, "the fate of a publish is not known; send it again");
            return self.break_off(reason::of_disconnect(refusal.code), &refusal, now, effects);
        }
        if let Answer::Done { renewed_until: Some(until), .. } = &answer {
            self.expire_at(Some(*until), now);
        }
        // Nothing acknowledges QoS 0, so its notice waits for nobody.
        let answer =
            if self.pending[index].qos == Qos::AtMostOnce { self.notify_at_most_once(answer, effects) } else { answer };
        if index > 0 {
            self.pending[index].answer = Some(Box::new(answer));
            return;
        }
        let mut next = Some(answer);
        while let Some(answer) = next.take() {
            let Some(pending) = self.pending.pop_front() else { break };
            self.first_ticket += 1;
            if !self.acknowledge(&pending, answer, now, effects) {
                return;
            }
            next = self.pending.front_mut().and_then(|pending| pending.answer.take()).map(|answer| *answer);
        }
        if self.pending.is_empty() {
            self.pending = std::collections::VecDeque::new();
        }
    }

    /// Says whether the session goes on.
    fn acknowledge(&mut self, pending: &Pending, answer: Answer, now: Now, effects: &mut Vec<Effect>) -> bool {
        if pending.qos == Qos::AtMostOnce {
            return true;
        }
        let exactly_once = pending.qos == Qos::ExactlyOnce;
        let packet_id = pending.packet_id;
        let mut code = 0;
        match answer {
            Answer::Stored { seq, ts, notice } => {
                if !self.receipts {
                    self.notify(notice, effects);
                }
                let stored = self.receipts.then_some((seq, ts));
                effects.push(Effect::Receipt(Receipt { exactly_once, packet_id, stored }));
            }
            Answer::Done { notice, .. } => {
                let owed = notice.is_some();
                // No Matching Subscribers: the response went nowhere.
                code = if !self.notify(notice, effects) && owed { 0x10 } else { 0 };
                effects.push(Effect::Send(acknowledgement(
                    exactly_once,
                    Ack { packet_id, reason: code, ..Ack::default() },
                )));
            }
            Answer::Refused { refusal, notice } => {
                let heard = !self.receipts && self.notify(notice, effects);
                if self.version == Version::V5 {
                    code = reason::of_puback(refusal.code);
                    self.send_fitting(acknowledgement(exactly_once, self.refusing(packet_id, code, &refusal)), effects);
                } else if heard {
                    effects.push(Effect::Receipt(Receipt { exactly_once, packet_id, stored: None }));
                } else {
                    // 3.1.1 has no negative acknowledgement, and nobody there would hear of the refusal: a PUBACK would be a lie.
                    self.end(now, effects);
                    return false;
                }
            }
            Answer::Unknown => {}
        }
        if exactly_once {
            self.received(packet_id, code < 0x80);
        } else {
            self.remember_acknowledged(packet_id, now);
        }
        true
    }

    fn refusing(&self, packet_id: u16, code: u8, refusal: &Refusal) -> Ack {
        // [MQTT-3.1.2-29]
        if !self.problem_information {
            return Ack { packet_id, reason: code, ..Ack::default() };
        }
        Ack {
            packet_id,
            reason: code,
            reason_string: Some(refusal.reason.to_string()),
            user_properties: reason::error_property(refusal.code),
        }
    }

    /// Sends the notice of a publish at QoS 0 and returns an answer without it.
    fn notify_at_most_once(&mut self, answer: Answer, effects: &mut Vec<Effect>) -> Answer {
        match answer {
            Answer::Stored { notice, .. } | Answer::Done { notice, .. } | Answer::Refused { notice, .. } => {
                self.notify(notice, effects);
            }
            Answer::Unknown => {}
        }
        Answer::Done { notice: None, renewed_until: None }
    }

    /// Sends a notice at QoS 0 if a subscription matches it and it is not too large; says whether it was sent.
    fn notify(&mut self, notice: Option<Notice>, effects: &mut Vec<Effect>) -> bool {
        let Some(notice) = notice.filter(|notice| self.is_subscribed(&notice.topic)) else { return false };
        let properties = notice
            .correlation_data
            .map(|data| Box::new(DeliveryProperties { correlation_data: Some(data), ..DeliveryProperties::default() }));
        match self.outgoing(Arc::from(notice.topic), notice.payload, None, false, properties) {
            Some(outgoing) => {
                effects.push(Effect::Deliver(outgoing));
                true
            }
            None => false,
        }
    }
}

fn acknowledgement(exactly_once: bool, ack: Ack) -> Packet {
    if exactly_once { Packet::PubRec(ack) } else { Packet::PubAck(ack) }
}
