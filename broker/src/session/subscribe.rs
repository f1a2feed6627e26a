//! SUBSCRIBE and UNSUBSCRIBE: what the limits allow goes to the outlet, and the acknowledgement follows its answer.

use std::num::NonZeroU32;

use longwave_model::{ErrorCode, Refusal};
use longwave_port::{Subscription, is_plain};

use super::{Effect, Now, Session, protocol_error, reason};
use crate::codec::packet::{Packet, SubAck, Subscribe, Unsubscribe};

/// A granted subscription, as far as the session needs it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) filter: Box<str>,
    pub(super) identifier: Option<NonZeroU32>,
}

impl Held {
    /// Whether what comes from the feed matches. Plain filters, `#` among them, never match topics under `u/`.
    pub(super) fn matches(&self, topic: &str) -> bool {
        is_plain(&self.filter) == is_plain(topic) && longwave_topic_index::matches(&self.filter, topic)
    }
}

impl From<&Subscription> for Held {
    fn from(subscription: &Subscription) -> Self {
        Self {
            filter: subscription.filter.as_str().into(),
            identifier: subscription.identifier.and_then(NonZeroU32::new),
        }
    }
}

/// What waits for the outlet.
#[derive(Debug)]
pub(super) enum Asking {
    Subscribe {
        packet_id: u16,
        /// One for each filter, in order: refused here, or asked for.
        filters: Vec<Result<Held, Refusal>>,
    },
    Unsubscribe {
        packet_id: u16,
        filters: Vec<String>,
    },
}

impl Session {
    pub(super) fn subscribe(&mut self, subscribe: Subscribe, now: Now, effects: &mut Vec<Effect>) {
        if self.asking.is_some() {
            return self.break_off(0x82, &protocol_error("SUBSCRIBE was sent out of turn"), now, effects);
        }
        let mut asked: Vec<Subscription> = Vec::new();
        let mut added = 0;
        let mut filters = Vec::with_capacity(subscribe.filters.len());
        for filter in subscribe.filters {
            let shared = filter.filter.starts_with("$share/");
            // [MQTT-3.8.3-4]
            if shared && filter.no_local {
                let refusal = protocol_error("No Local was set on a shared subscription");
                return self.break_off(0x82, &refusal, now, effects);
            }
            if shared && !self.limits.plain_topics {
                filters.push(Err(Refusal::new(ErrorCode::SharedUnavailable, "shared subscriptions are not available")));
                continue;
            }
            let known = self.held.iter().any(|held| *held.filter == filter.filter)
                || asked.iter().any(|earlier| earlier.filter == filter.filter);
            if !known && self.held.len() + added >= self.limits.subscriptions {
                filters.push(Err(Refusal::new(
                    ErrorCode::TooManySubscriptions,
                    "the session has as many subscriptions as it may",
                )));
                continue;
            }
            added += usize::from(!known);
            let subscription = Subscription {
                filter: filter.filter,
                qos: filter.qos as u8,
                no_local: filter.no_local,
                retain_as_published: filter.retain_as_published,
                retain_handling: filter.retain_handling,
                identifier: subscribe.identifier,
            };
            filters.push(Ok(Held::from(&subscription)));
            asked.push(subscription);
        }
        self.asking = Some(Box::new(Asking::Subscribe { packet_id: subscribe.packet_id, filters }));
        if asked.is_empty() {
            self.subscribed(Ok(Vec::new()), now, effects);
        } else {
            effects.push(Effect::Subscribe(asked));
        }
    }

    pub(super) fn subscribed(
        &mut self,
        result: Result<Vec<Result<u8, Refusal>>, Refusal>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let (packet_id, filters) = match self.asking.take().map(|asking| *asking) {
            Some(Asking::Subscribe { packet_id, filters }) => (packet_id, filters),
            other => {
                self.asking = other.map(Box::new);
                return;
            }
        };
        let (mut answers, failed) = match result {
            Ok(answers) => (answers.into_iter(), None),
            Err(refusal) => (Vec::new().into_iter(), Some(refusal)),
        };
        let missing = || {
            failed
                .clone()
                .unwrap_or_else(|| Refusal::new(ErrorCode::StoreUnavailable, "the subscription got no answer"))
        };
        let mut first_refusal = None;
        let mut reasons = Vec::with_capacity(filters.len());
        for filter in filters {
            let outcome = filter.and_then(|held| match answers.next() {
                Some(Ok(qos)) => Ok((held, qos)),
                Some(Err(refusal)) => Err(refusal),
                None => Err(missing()),
            });
            match outcome {
                Ok((held, qos)) => {
                    reasons.push(qos.min(2));
                    self.hold(held);
                }
                Err(refusal) => {
                    reasons.push(reason::of_suback(refusal.code));
                    first_refusal.get_or_insert(refusal);
                }
            }
        }
        self.send_suback(packet_id, reasons, first_refusal, Packet::SubAck, now, effects);
    }

    pub(super) fn unsubscribe(&mut self, unsubscribe: Unsubscribe, now: Now, effects: &mut Vec<Effect>) {
        if self.asking.is_some() {
            return self.break_off(0x82, &protocol_error("UNSUBSCRIBE was sent out of turn"), now, effects);
        }
        effects.push(Effect::Unsubscribe(unsubscribe.filters.clone()));
        self.asking =
            Some(Box::new(Asking::Unsubscribe { packet_id: unsubscribe.packet_id, filters: unsubscribe.filters }));
    }

    pub(super) fn unsubscribed(&mut self, result: Result<Vec<bool>, Refusal>, now: Now, effects: &mut Vec<Effect>) {
        let (packet_id, filters) = match self.asking.take().map(|asking| *asking) {
            Some(Asking::Unsubscribe { packet_id, filters }) => (packet_id, filters),
            other => {
                self.asking = other.map(Box::new);
                return;
            }
        };
        let existed = match result {
            Ok(existed) => existed,
            // 3.1.1 cannot say no in UNSUBACK; the client shall ask again after it has come back.
            Err(refusal) => return self.break_off(reason::of_disconnect(refusal.code), &refusal, now, effects),
        };
        let mut existed = existed.into_iter();
        let reasons = filters
            .iter()
            .map(|filter| {
                self.held.retain(|held| *held.filter != **filter);
                if existed.next().unwrap_or(false) { 0 } else { 0x11 }
            })
            .collect();
        self.held.shrink_to_fit();
        self.send_suback(packet_id, reasons, None, Packet::UnsubAck, now, effects);
    }

    /// Whether the device would get what is published to this topic.
    pub(super) fn is_subscribed(&self, topic: &str) -> bool {
        self.held.iter().any(|held| held.matches(topic))
    }

    fn hold(&mut self, held: Held) {
        // [MQTT-3.8.4-3]
        if let Some(same) = self.held.iter_mut().find(|same| same.filter == held.filter) {
            *same = held;
        } else {
            self.held.reserve_exact(1);
            self.held.push(held);
        }
    }

    fn send_suback(
        &mut self,
        packet_id: u16,
        reasons: Vec<u8>,
        refusal: Option<Refusal>,
        packet: fn(SubAck) -> Packet,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let mut suback = SubAck { packet_id, reasons, ..SubAck::default() };
        if let Some(refusal) = refusal.filter(|_| self.problem_information) {
            suback.user_properties = reason::error_property(refusal.code);
            suback.reason_string = Some(refusal.reason.into_owned());
        }
        if !self.send_fitting(packet(suback), effects) {
            // A client that cannot be answered would wait for ever.
            self.end(now, effects);
        }
    }
}
