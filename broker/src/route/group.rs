//! A shared subscription: of its members one gets each message.
//!
//! When a member's session outlives its connection, the messages are in the log, and the group has a place there like a session has.
//! What no connected member has room for waits there, for whoever comes first.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use longwave_port::Sender;
use parking_lot::Mutex;

use super::backlog::{Backlog, Plan};
use super::hold::Hold;
use super::lasting::{PAGE, Page};
use super::queue::Copy;
use super::settings::{RouteSettings, SharedStrategy};
use super::stats::{Dropped, RouteStats};
use super::subscriber::Subscriber;

/// `$share/{name}/{filter}`.
pub(super) struct Group {
    /// Names it in the index.
    pub(super) number: u64,
    /// All of `$share/{name}/{filter}`: what its references in the log are under.
    pub(super) filter: Arc<str>,
    lasting: AtomicBool,
    members: Mutex<Vec<Member>>,
    place: Mutex<Place>,
    hasher: RandomState,
}

#[derive(Clone)]
pub(super) struct Member {
    pub(super) subscriber: Arc<Subscriber>,
    pub(super) qos: u8,
    pub(super) retain_as_published: bool,
    pub(super) identifier: Option<u32>,
}

/// Its place in the log.
#[derive(Debug, Default)]
struct Place {
    backlog: Backlog,
    /// In memory, for the next member with room.
    waiting: VecDeque<Copy>,
    /// With members, or waiting.
    outstanding: BTreeSet<u64>,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl Group {
    /// One that is owed nothing of what is in the log so far.
    pub(super) fn new(number: u64, filter: Arc<str>, last: u64) -> Self {
        Self {
            number,
            filter,
            lasting: AtomicBool::new(false),
            members: Mutex::default(),
            place: Mutex::new(Place { backlog: Backlog::at(last), ..Place::default() }),
            hasher: RandomState::new(),
        }
    }

    /// Whether its messages are kept in the log.
    pub(super) fn is_lasting(&self) -> bool {
        self.lasting.load(Relaxed)
    }

    /// Adds or replaces a member; whether it is new.
    pub(super) fn join(&self, member: Member) -> bool {
        let mut members = self.members.lock();
        let known = members.iter().position(|known| known.subscriber.number == member.subscriber.number);
        match known {
            Some(index) => members[index] = member,
            None => members.push(member),
        }
        self.look_who_lasts(&members);
        known.is_none()
    }

    /// Removes a member; whether there are others.
    pub(super) fn leave(&self, number: u64) -> bool {
        let mut members = self.members.lock();
        members.retain(|member| member.subscriber.number != number);
        // What is in the log stays there for the others, whether they last or not.
        !members.is_empty()
    }

    fn look_who_lasts(&self, members: &[Member]) {
        if members.iter().any(|member| member.subscriber.is_lasting()) {
            self.lasting.store(true, Relaxed);
        }
    }

    /// The last member has left: how many messages nobody will get.
    pub(super) fn end(&self, stats: &RouteStats) {
        let mut place = self.place.lock();
        let lost = place.waiting.len() + place.backlog.unread();
        *place = Place::default();
        drop(place);
        stats.drop_waiting(Dropped::SessionEnded, lost);
    }

    /// Hands a copy that is not in the log to one of the members. The QoS in it is that of the message; the member may have been
    /// granted less.
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
            member.make_its_own(&mut copy);
            match member.subscriber.push(copy, settings, stats, now, hold) {
                Ok(()) => return,
                Err((reason, back)) => (why, copy) = (reason, back),
            }
        }
        stats.drop_one(why);
    }

    /// Takes a copy that is in the log now.
    pub(super) fn logged(&self, copy: Copy, settings: &RouteSettings, stats: &RouteStats, now: u64) {
        let mut place = self.place.lock();
        if copy.number <= place.backlog.read_to {
            return;
        }
        stats.copies.add(1);
        if place.waiting.is_empty() && !place.backlog.is_behind() && !place.backlog.reading {
            place.backlog.read_to = copy.number;
            place.outstanding.insert(copy.number);
            if let Some(copy) = self.offer(copy, settings, stats, now) {
                stats.waiting.add(1);
                place.waiting.push_back(copy);
            }
            return;
        }
        stats.waiting.add(1);
        place.backlog.add(copy.number, copy.bytes());
        while place.waiting.len() + place.backlog.unread() > settings.queue_messages
            || place.backlog.unread_bytes() > settings.queue_bytes
        {
            if !place.backlog.drop_oldest() {
                break;
            }
            stats.drop_waiting(Dropped::QueueFull, 1);
        }
    }

    /// Gives a copy to a connected member that has room for it, else back.
    fn offer(&self, copy: Copy, settings: &RouteSettings, stats: &RouteStats, now: u64) -> Option<Copy> {
        let mut copy = copy;
        for member in self.in_order(settings.shared, &copy.message.from) {
            if !member.subscriber.is_connected() || member.subscriber.load() >= PAGE {
                continue;
            }
            member.make_its_own(&mut copy);
            match member.subscriber.push(copy, settings, stats, now, &mut || None) {
                Ok(()) => return None,
                Err((_, back)) => copy = back,
            }
        }
        Some(copy)
    }

    /// Takes back what a member did not get to the end with.
    pub(super) fn give_back(&self, copy: Copy, settings: &RouteSettings, stats: &RouteStats, now: u64) {
        let mut place = self.place.lock();
        if let Some(copy) = self.offer(copy, settings, stats, now) {
            stats.waiting.add(1);
            let index = place.waiting.partition_point(|waiting| waiting.number < copy.number);
            place.waiting.insert(index, copy);
        }
    }

    /// A message is done.
    pub(super) fn done(&self, number: u64) {
        self.place.lock().outstanding.remove(&number);
    }

    /// Everything up to the answer is done, for who tidies the log up; `last` is the latest number of the log.
    pub(super) fn done_to(&self, last: u64) -> u64 {
        let place = self.place.lock();
        let rest = if place.backlog.is_behind() { place.backlog.read_to } else { last };
        place.outstanding.first().map_or(rest, |first| (first - 1).min(rest))
    }

    /// These messages, numbers and bytes, were left by an earlier process; everything up to `passed` is too much.
    pub(super) fn restore(&self, passed: u64, messages: impl Iterator<Item = (u64, usize)>, stats: &RouteStats) {
        let mut place = self.place.lock();
        place.backlog = Backlog::at(passed);
        for (number, size) in messages {
            place.backlog.add(number, size);
            stats.copies.add(1);
            stats.waiting.add(1);
        }
    }

    /// Offers what waits in memory to members; whether there is more in the log, which is being read from now on.
    pub(super) fn wants_page(&self, settings: &RouteSettings, stats: &RouteStats, now: u64) -> bool {
        let mut place = self.place.lock();
        while let Some(copy) = place.waiting.pop_front() {
            match self.offer(copy, settings, stats, now) {
                None => stats.waiting.add(-1),
                Some(copy) => {
                    place.waiting.push_front(copy);
                    return false;
                }
            }
        }
        let wants = place.backlog.is_behind() && !place.backlog.reading;
        place.backlog.reading |= wants;
        wants
    }

    /// What is to be read.
    pub(super) fn plan(&self) -> Plan {
        self.place.lock().backlog.plan()
    }

    /// It could not be read.
    pub(super) fn page_failed(&self) {
        self.place.lock().backlog.reading = false;
    }

    /// Takes a page into memory: [`Self::wants_page`] offers it to members.
    pub(super) fn take_page(self: &Arc<Self>, page: &Page, plan: Plan, stats: &RouteStats) {
        let mut place = self.place.lock();
        let bytes = page.messages.iter().map(|(_, message)| message.topic.len() + message.payload.len()).sum();
        let uncounted = place.backlog.page(page.read_to, page.skipped, page.messages.len(), bytes);
        stats.copies.add(uncounted as u64);
        stats.waiting.add(i64::try_from(uncounted).unwrap_or(0));
        if page.complete {
            let gone = place.backlog.exhausted(plan.last);
            stats.drop_waiting(Dropped::QueueAge, gone);
        }
        for (number, message) in &page.messages {
            place.outstanding.insert(*number);
            let copy = Copy {
                message: message.clone(),
                qos: message.qos,
                retain: false,
                identifiers: Box::default(),
                group: Some(self.clone()),
                number: *number,
                flight: None,
            };
            place.waiting.push_back(copy);
        }
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

impl Member {
    /// Makes a copy one for this member: the QoS that it was granted, and its options.
    fn make_its_own(&self, copy: &mut Copy) {
        copy.qos = copy.message.qos.min(self.qos);
        copy.retain = copy.message.retain && self.retain_as_published;
        copy.identifiers = self.identifier.into_iter().collect();
    }
}
