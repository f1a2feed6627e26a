//! Deadlines: CONNECT, keep alive, unanswered publishes, tokens.

use longwave_model::{ErrorCode, Refusal};
use longwave_port::Answer;

use super::connect::Phase;
use super::{Effect, Session, reason};
use crate::codec::packet::Qos;

/// The time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never goes back, from any start.
    pub monotonic: u64,
    /// Unix time in milliseconds.
    pub unix: u64,
}

impl Session {
    /// When, in monotonic milliseconds, [`super::Event::Tick`] is due at the latest. May move with every event.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let next = match self.phase {
            Phase::Waiting { .. } => self.connect_deadline(),
            Phase::Live => {
                let session = self.token_deadline.min(self.keep_alive_deadline());
                session.min(self.answer_deadline()).min(self.pace_deadline())
            }
            Phase::Admitting(_) | Phase::Opening(_) | Phase::Closed => u64::MAX,
        };
        (next != u64::MAX).then_some(next)
    }

    pub(super) fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Waiting { .. } if now.monotonic >= self.connect_deadline() => self.end(now, effects),
            Phase::Live => {
                self.go_on(now);
                self.give_up_at_most_once(now, effects);
                if now.monotonic >= self.answer_deadline() {
                    let refusal = Refusal::new(ErrorCode::AnswerTimeout, "a publish stayed unanswered; send it again");
                    self.break_off(reason::of_disconnect(refusal.code), &refusal, now, effects);
                } else if now.monotonic >= self.token_deadline {
                    let refusal = Refusal::new(ErrorCode::TokenExpired, "the token has expired");
                    self.break_off(reason::of_disconnect(refusal.code), &refusal, now, effects);
                } else if now.monotonic >= self.keep_alive_deadline() {
                    let refusal = Refusal::new(
                        ErrorCode::KeepAliveTimeout,
                        "nothing was heard for one and a half keep alive times",
                    );
                    self.break_off(reason::of_disconnect(refusal.code), &refusal, now, effects);
                }
            }
            _ => {}
        }
    }

    /// The monotonic time of a Unix time, as things stand now.
    pub(super) fn expire_at(&mut self, unix: Option<u64>, now: Now) {
        self.token_deadline = unix.map_or(u64::MAX, |unix| now.monotonic.saturating_add(unix.saturating_sub(now.unix)));
    }

    fn connect_deadline(&self) -> u64 {
        self.heard.saturating_add(self.limits.connect_seconds.saturating_mul(1_000))
    }

    /// [MQTT-3.1.2-22]: one and a half times the keep alive.
    fn keep_alive_deadline(&self) -> u64 {
        // A client that is not read is not heard.
        if self.keep_alive == 0 || !self.reads() {
            return u64::MAX;
        }
        self.heard.saturating_add(u64::from(self.keep_alive) * 1_500)
    }

    /// A publish at QoS 0 may be lost; that is no reason to end a connection.
    fn give_up_at_most_once(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while now.monotonic >= self.answer_deadline()
            && self.pending.front().is_some_and(|oldest| oldest.qos == Qos::AtMostOnce)
        {
            self.answered(self.first_ticket, Answer::Unknown, now, effects);
        }
    }

    fn answer_deadline(&self) -> u64 {
        match self.pending.front() {
            Some(oldest) => oldest.at.saturating_add(self.limits.answer_seconds.saturating_mul(1_000)),
            None => u64::MAX,
        }
    }
}
