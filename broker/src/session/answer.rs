//! Answers from the gate become acknowledgements, in the order of the publishes (protocol rule 21, [MQTT-4.6.0-2]).

use longwave_model::{ErrorCode, Refusal};
use longwave_port::{Answer, Delivery, DeliveryProperties, Notice};

use super::{Effect, Now, Session, reason};
use crate::codec::Receipt;
use crate::codec::packet::{Ack, Packet, Qos, Version};

impl Session {
    pub(super) fn answered(&mut self, ticket: u64, answer: Answer, now: Now, effects: &mut Vec<Effect>) {
        let index = ticket.checked_sub(self.first_ticket).and_then(|index| usize::try_from(index).ok());
        let Some((index, pending)) = index.and_then(|index| Some((index, self.pending.get_mut(index)?))) else {
            return;
        };
        if pending.done || pending.answer.is_some() {
            return;
        }
        if let Answer::Done { renewed_until: Some(until), .. } = &answer {
            self.expire_at(Some(*until), now);
        }
        // Nothing acknowledges QoS 0: it neither waits nor makes others wait, and may be lost.
        if self.pending[index].qos == Qos::AtMostOnce {
            self.pending[index].finish();
            self.notify_at_most_once(answer, effects);
            return self.drop_the_done();
        }
        if matches!(answer, Answer::Unknown | Answer::Moved) {
            let refusal = Refusal::new(ErrorCode::AnswerTimeout, "the fate of a publish is not known; send it again");
            return self.break_off(reason::of_disconnect(refusal.code), &refusal, now, effects);
        }
        if self.pending.iter().take(index).any(|earlier| earlier.qos != Qos::AtMostOnce) {
            self.pending[index].answer = Some(Box::new(answer));
            return;
        }
        let mut next = Some((index, answer));
        while let Some((index, answer)) = next.take() {
            if !self.acknowledge(index, answer, now, effects) {
                return;
            }
            let following = self.pending.iter_mut().enumerate().skip(index + 1);
            let mut above_qos_0 = following.filter(|(_, pending)| pending.qos != Qos::AtMostOnce);
            next = above_qos_0.next().and_then(|(index, pending)| Some((index, *pending.answer.take()?)));
        }
        self.drop_the_done();
    }

    fn drop_the_done(&mut self) {
        while self.pending.pop_front_if(|pending| pending.done).is_some() {
            self.first_ticket += 1;
        }
        if self.pending.is_empty() {
            self.pending = std::collections::VecDeque::new();
        }
    }

    /// Says whether the session goes on.
    fn acknowledge(&mut self, index: usize, answer: Answer, now: Now, effects: &mut Vec<Effect>) -> bool {
        let pending = &mut self.pending[index];
        let exactly_once = pending.qos == Qos::ExactlyOnce;
        let packet_id = pending.packet_id;
        pending.finish();
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
            Answer::Unknown | Answer::Moved => {}
        }
        if exactly_once {
            self.received(packet_id, code < 0x80);
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

    /// Sends the notice of a publish at QoS 0.
    fn notify_at_most_once(&mut self, answer: Answer, effects: &mut Vec<Effect>) {
        match answer {
            Answer::Stored { notice, .. } | Answer::Done { notice, .. } | Answer::Refused { notice, .. } => {
                self.notify(notice, effects);
            }
            Answer::Unknown | Answer::Moved => {}
        }
    }

    /// Sends a notice at QoS 0 if a subscription matches it and it is not too large; says whether it was sent.
    fn notify(&mut self, notice: Option<Notice>, effects: &mut Vec<Effect>) -> bool {
        let Some(notice) = notice.filter(|notice| self.is_subscribed(&notice.topic)) else { return false };
        let properties = notice
            .correlation_data
            .map(|data| Box::new(DeliveryProperties { correlation_data: Some(data), ..DeliveryProperties::default() }));
        let delivery =
            Delivery { topic: notice.topic.into(), payload: notice.payload, properties, ..Delivery::default() };
        match self.outgoing(delivery, None, false) {
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
