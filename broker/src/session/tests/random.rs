//! Random clients, answers in any order, time that passes: what has to hold in every session holds.

use std::collections::{HashMap, VecDeque};

use longwave_model::{ErrorCode, FirstSending, Refusal};
use longwave_port::Answer;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Effect, Event, OpenedSession};
use super::harness::{
    Client, TOPIC, connect, delivery, notice, opened, puback, publish, pubrel, redelivery, refused, repeated, stored,
    subscribe, subscription, unsubscribe,
};
use crate::codec::packet::{Connect, Packet, Qos, Version};
use crate::codec::{Decoder, wire_cases};
use crate::limits::Limits;

const RECEIVE_MAXIMUM: u16 = 3;
const IN_FLIGHT: u16 = 4;

/// Something that happens. Small numbers choose among what there is at the time.
#[derive(Debug, Clone)]
enum Step {
    Publish { qos: u8, packet_id: u16, dup: bool },
    Answer { which: usize, how: u8 },
    Deliver { at_most_once: bool, resend: Option<u16> },
    Acknowledge { packet_id: u16 },
    Release { packet_id: u16 },
    Released { packet_id: u16, stored: bool },
    Subscribe { filter: usize },
    Unsubscribe { filter: usize },
    AnswerSubscription { granted: bool },
    Wire { case: prop::sample::Index },
    Ping,
    Wait { milliseconds: u64 },
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..3_u8, 1..6_u16, prop::bool::weighted(0.2)).prop_map(|(qos, packet_id, dup)| Step::Publish { qos, packet_id, dup }),
        12 => (0..6_usize, 0..12_u8).prop_map(|(which, how)| Step::Answer { which, how }),
        10 => (any::<bool>(), prop::option::weighted(0.1, 1..6_u16))
            .prop_map(|(at_most_once, resend)| Step::Deliver { at_most_once, resend }),
        10 => (1..8_u16).prop_map(|packet_id| Step::Acknowledge { packet_id }),
        5 => (1..6_u16).prop_map(|packet_id| Step::Release { packet_id }),
        5 => (1..6_u16, prop::bool::weighted(0.95)).prop_map(|(packet_id, stored)| Step::Released { packet_id, stored }),
        2 => (0..3_usize).prop_map(|filter| Step::Subscribe { filter }),
        1 => (0..3_usize).prop_map(|filter| Step::Unsubscribe { filter }),
        4 => any::<bool>().prop_map(|granted| Step::AnswerSubscription { granted }),
        1 => any::<prop::sample::Index>().prop_map(|case| Step::Wire { case }),
        2 => Just(Step::Ping),
        2 => (0..4_000_u64).prop_map(|milliseconds| Step::Wait { milliseconds }),
        1 => prop::bool::weighted(0.05).prop_map(|end| if end { Step::Close } else { Step::Ping }),
    ]
}

/// What a watcher of all effects knows.
#[derive(Default)]
struct Watcher {
    /// Publishes above QoS 0 without acknowledgement: ticket and packet id, in order.
    awaited: VecDeque<(u64, u16)>,
    /// Whether each was answered with something that allows an acknowledgement.
    answered: HashMap<u64, bool>,
    /// Tickets without an answer.
    unanswered: Vec<u64>,
    /// Packet ids with a PUBREC and without a PUBREL.
    received: Vec<u16>,
    /// Packet ids in flight to the client.
    in_flight: Vec<u16>,
    closed: bool,
}

impl Watcher {
    fn see(&mut self, effects: &[Effect]) -> Result<(), TestCaseError> {
        for effect in effects {
            prop_assert!(!self.closed, "an effect after the end: {effect:?}");
            self.note_received(effect);
            match effect {
                Effect::Publish { ticket, publish } => {
                    self.unanswered.push(*ticket);
                    match publish.guarantee {
                        longwave_port::Guarantee::AtMostOnce => {}
                        longwave_port::Guarantee::AtLeastOnce { packet_id, .. }
                        | longwave_port::Guarantee::ExactlyOnce { packet_id, .. } => {
                            prop_assert!(!self.received.contains(&packet_id), "published once more");
                            self.awaited.push_back((*ticket, packet_id))
                        }
                    }
                }
                Effect::Receipt(receipt) if self.awaited.front().is_some_and(|(_, id)| *id == receipt.packet_id) => {
                    self.acknowledged(receipt.packet_id)?;
                }
                // A PUBREC once more, for a publish that has its first.
                Effect::Receipt(receipt) => {
                    prop_assert!(receipt.exactly_once && receipt.stored.is_none());
                    prop_assert!(
                        self.awaited.iter().all(|(_, id)| *id != receipt.packet_id),
                        "out of order: {receipt:?}"
                    );
                }
                Effect::Send(Packet::PubAck(ack) | Packet::PubRec(ack)) => self.acknowledged(ack.packet_id)?,
                Effect::Released { packet_id, .. } => self.received.retain(|id| id != packet_id),
                Effect::Deliver(outgoing) => {
                    if let Some(id) = outgoing.packet_id {
                        prop_assert!(id != 0 && !self.in_flight.contains(&id), "packet id {id} twice in flight");
                        self.in_flight.push(id);
                        prop_assert!(self.in_flight.len() <= usize::from(IN_FLIGHT));
                    }
                }
                Effect::Close(closing) => {
                    let sent: Vec<u16> = closing.in_flight.iter().map(|(id, _)| *id).collect();
                    prop_assert_eq!(&sent, &self.in_flight);
                    prop_assert!(closing.unsettled.len() <= usize::from(RECEIVE_MAXIMUM));
                    self.closed = true;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn note_received(&mut self, effect: &Effect) {
        match effect {
            Effect::Receipt(receipt) if receipt.exactly_once => self.received.push(receipt.packet_id),
            Effect::Send(Packet::PubRec(ack)) if ack.reason < 0x80 => self.received.push(ack.packet_id),
            _ => {}
        }
    }

    /// The oldest one, and only after its answer.
    fn acknowledged(&mut self, packet_id: u16) -> Result<(), TestCaseError> {
        let oldest = self.awaited.pop_front();
        prop_assert_eq!(oldest.map(|(_, id)| id), Some(packet_id), "acknowledged out of order");
        let ticket = oldest.map_or(0, |(ticket, _)| ticket);
        prop_assert_eq!(self.answered.get(&ticket), Some(&true), "acknowledged before its answer");
        Ok(())
    }
}

fn answer(how: u8) -> Answer {
    match how {
        0..=5 => stored(u64::from(how)),
        6 => Answer::Done { notice: Some(notice()), renewed_until: None },
        7 => Answer::Done { notice: None, renewed_until: None },
        8 => refused(ErrorCode::NotAMember, Some(notice())),
        9 => refused(ErrorCode::RateLimited, None),
        10 => Answer::Stored { seq: longwave_model::Seq(1), ts: 1, notice: Some(notice()) },
        _ => Answer::Unknown,
    }
}

fn event(step: &Step, client: &mut Client, watcher: &mut Watcher, deliveries: &mut u64) -> Option<Event> {
    let filter = |index: usize| ["u/alice/c/+/json", "a", "#"][index];
    Some(match step {
        Step::Publish { qos, packet_id, dup } => {
            let qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][usize::from(*qos)];
            let repeats = *dup && qos != Qos::AtMostOnce;
            Event::Packet(if repeats { repeated(qos, *packet_id) } else { publish(qos, *packet_id) })
        }
        Step::Answer { which, how } => {
            let count = watcher.unanswered.len();
            if count == 0 {
                return None;
            }
            let ticket = watcher.unanswered.remove(which % count);
            let answer = answer(*how);
            watcher.answered.insert(ticket, answer != Answer::Unknown);
            Event::Answered { ticket, answer }
        }
        Step::Deliver { at_most_once: true, .. } => delivery(None, TOPIC),
        Step::Deliver { resend, .. } => {
            if client.session.room() == 0 {
                return None;
            }
            *deliveries += 1;
            match resend {
                Some(packet_id) => redelivery(*deliveries, *packet_id),
                None => delivery(Some(*deliveries), TOPIC),
            }
        }
        Step::Acknowledge { packet_id } => Event::Packet(puback(*packet_id)),
        Step::Release { packet_id } => Event::Packet(pubrel(*packet_id)),
        Step::Released { packet_id, stored } => {
            let refusal = Refusal::new(ErrorCode::StoreUnavailable, "no");
            Event::Released { packet_id: *packet_id, result: if *stored { Ok(()) } else { Err(refusal) } }
        }
        Step::Subscribe { filter: index } => Event::Packet(subscribe(9, Some(5), &[filter(*index)])),
        Step::Unsubscribe { filter: index } => Event::Packet(unsubscribe(9, &[filter(*index)])),
        Step::AnswerSubscription { granted: true } => Event::Subscribed(Ok(vec![Ok(1)])),
        Step::AnswerSubscription { granted: false } => Event::Unsubscribed(Ok(vec![true])),
        Step::Wire { case } => {
            let cases: Vec<_> = wire_cases::all().collect();
            let case = case.get(&cases);
            let mut buffer = bytes::BytesMut::from(&case.bytes()[..]);
            match Decoder::new(client.session.version(), client.session.packet_limit()).decode(&mut buffer) {
                Ok(Some(packet)) => Event::Packet(packet),
                Ok(None) => return None,
                Err(error) => Event::Undecodable(error),
            }
        }
        Step::Ping => Event::Packet(Packet::PingReq),
        Step::Wait { milliseconds } => {
            client.wait(*milliseconds);
            Event::Tick
        }
        Step::Close => Event::Close(Refusal::new(ErrorCode::ServerStopping, "no")),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(512)))]

    #[test]
    fn every_session_keeps_its_promises(
        v5 in any::<bool>(),
        problem_information in any::<bool>(),
        maximum_packet_size in prop_oneof![Just(None), (17..80_u32).prop_map(Some)],
        subscribed in any::<bool>(),
        unsettled in vec(1..6_u16, 0..3),
        steps in vec(step(), 0..200),
    ) {
        let version = if v5 { Version::V5 } else { Version::V311 };
        let connect = Connect {
            request_problem_information: !v5 || problem_information,
            maximum_packet_size: maximum_packet_size.filter(|_| v5),
            topic_alias_maximum: if v5 { 2 } else { 0 },
            ..connect(version)
        };
        let subscriptions = if subscribed { vec![subscription("u/alice/c/+/json", None)] } else { Vec::new() };
        let opened = OpenedSession {
            session_present: true,
            subscriptions,
            unsettled: unsettled.into_iter().map(|id| (id, FirstSending { connection: 1, number: 1 })).collect(),
            qos2_uses: vec![(2, 1)],
            ..opened()
        };
        let limits = Limits { receive_maximum: RECEIVE_MAXIMUM, in_flight: IN_FLIGHT, topic_aliases_in: 0, ..Limits::default() };
        let mut client = Client::live_with(connect, opened, limits);
        let mut watcher = Watcher::default();
        let mut deliveries = 0;
        for step in &steps {
            let Some(event) = event(step, &mut client, &mut watcher, &mut deliveries) else { continue };
            // As the connection does: what is not read stays where it is.
            if matches!(event, Event::Packet(_)) && !client.session.reads() && !client.session.is_closed() {
                continue;
            }
            if let Event::Packet(Packet::PubAck(ack)) = &event {
                watcher.in_flight.retain(|id| *id != ack.packet_id);
            }
            let effects = client.raw(event);
            watcher.see(&effects)?;
            prop_assert_eq!(watcher.closed, client.session.is_closed());
            if !watcher.closed {
                prop_assert_eq!(client.session.room(), usize::from(IN_FLIGHT) - watcher.in_flight.len());
            }
        }
    }
}
