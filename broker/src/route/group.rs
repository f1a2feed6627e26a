//! A shared subscription: of its members one gets each message.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use longwave_port::Sender;
use parking_lot::Mutex;

use super::hold::Hold;
use super::queue::Copy;
use super::settings::{RouteSettings, SharedStrategy};
use super::stats::{Dropped, RouteStats};
use super::subscriber::Subscriber;

/// `$share/{name}/{filter}`.
pub(super) struct Group {
    /// Names it in the index.
    pub(super) number: u64,
    members: Mutex<Vec<Member>>,
    hasher: RandomState,
}

#[derive(Clone)]
pub(super) struct Member {
    pub(super) subscriber: Arc<Subscriber>,
    pub(super) qos: u8,
    pub(super) retain_as_published: bool,
    pub(super) identifier: Option<u32>,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Group {
    pub(super) fn new(number: u64) -> Self {
        Self { number, members: Mutex::default(), hasher: RandomState::new() }
    }

    /// Adds or replaces a member; whether it is new.
    pub(super) fn join(&self, member: Member) -> bool {
        let mut members = self.members.lock();
        match members.iter_mut().find(|known| known.subscriber.number == member.subscriber.number) {
            Some(known) => {
                *known = member;
                false
            }
            None => {
                members.push(member);
                true
            }
        }
    }

    /// Removes a member; whether there are others.
    pub(super) fn leave(&self, number: u64) -> bool {
        let mut members = self.members.lock();
        members.retain(|member| member.subscriber.number != number);
        !members.is_empty()
    }

    /// Hands a copy to one of the members. The QoS in it is that of the message; the member may have been granted less.
    pub(super) fn hand_out(
        &self,
        copy: Copy,
        settings: &RouteSettings,
        stats: &RouteStats,
        now: u64,
        hold: &mut dyn FnMut() -> Option<Arc<Hold>>,
    ) {
        let mut copy = copy;
        let mut why = Dropped::SessionEnded;
        for member in self.in_order(settings.shared, &copy.message.from) {
            copy.qos = copy.message.qos.min(member.qos);
            copy.retain = copy.message.retain && member.retain_as_published;
            copy.identifiers = member.identifier.into_iter().collect();
            match member.subscriber.push(copy, settings, stats, now, hold) {
                Ok(()) => return,
                Err((reason, back)) => (why, copy) = (reason, back),
            }
        }
        stats.drop_one(why);
    }

    /// The members, the one that shall have the message first. Whoever is not connected comes last [MQTT-4.8.2-3].
    fn in_order(&self, strategy: SharedStrategy, from: &Sender) -> Vec<Member> {
        let mut members = self.members.lock().clone();
        match strategy {
            SharedStrategy::LeastInFlight => {
                // Who joined first would otherwise get all that is acknowledged at once.
                let turn = if members.is_empty() { 0 } else { rand::random_range(0..members.len()) };
                members.rotate_left(turn);
                members.sort_by_key(|member| (!member.subscriber.is_connected(), member.subscriber.load()));
            }
            SharedStrategy::StickyByClient => members.sort_by_cached_key(|member| {
                let weight = self.hasher.hash_one((&from.user, &from.device, member.subscriber.number));
                (!member.subscriber.is_connected(), weight)
            }),
            SharedStrategy::Random => {
                members.sort_by_cached_key(|member| (!member.subscriber.is_connected(), rand::random::<u64>()))
            }
        }
        members
    }
}
