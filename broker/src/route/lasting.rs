//! What a session has that outlives its connection: a place in the log, from which its queue is filled as far as it takes.
//!
//! While nobody is connected it costs no memory per message. What is owed is counted, and read again from the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use longwave_model::{PlainFact, PlainFlight, PlainState};
use longwave_port::{FIRST_CHOSEN_PACKET_ID, PlainMessage, Subscription, shared};
use longwave_topic_index::matches;
use smallvec::SmallVec;

use super::backlog::{Backlog, Plan};
use super::hold::Hold;
use super::queue::Copy;
use super::settings::RouteSettings;
use super::stats::{Dropped, RouteStats};
use super::subscriber::{State, Subscriber};

/// Messages of a page of the log, and as many as are kept in memory for a session that does not take them.
pub(super) const PAGE: usize = 128;
/// Bytes that are kept in memory for such a session, but for one page.
const PAGE_BYTES: usize = 256 * 1024;
/// With fewer than this many in memory, the next page is read.
const LOW: usize = PAGE / 2;

/// The part of a session that lasts.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    pub(super) backlog: Backlog,
    /// Where its subscriptions begin, by filter.
    pub(super) since: Vec<(Arc<str>, u64)>,
    /// QoS 2 deliveries that are stored with their packet ids.
    pub(super) flights: BTreeMap<u64, PlainFlight>,
    /// Flights up to this number are an earlier process's, which may have sent them.
    restored_to: u64,
    /// Everything up to here is done, as stored.
    stored: u64,
    dirty: bool,
    chosen: u16,
}

/// What is to be read for a session.
pub(super) struct Wanted {
    pub(super) plan: Plan,
    /// Filters, and the number after which each begins.
    pub(super) filters: Vec<(Arc<str>, u64)>,
    generation: u64,
}

/// What was read for it.
pub(super) struct Page {
    /// Everything up to here.
    pub(super) read_to: u64,
    /// So many were passed over.
    pub(super) skipped: usize,
    /// The messages that are there.
    pub(super) messages: Vec<(u64, Arc<PlainMessage>)>,
    /// There are no more.
    pub(super) complete: bool,
}

impl Lasting {
    /// As an earlier process left it.
    pub(super) fn restored(done: u64, since: Vec<(Arc<str>, u64)>, flights: BTreeMap<u64, PlainFlight>) -> Self {
        let restored_to = flights.last_key_value().map_or(0, |(number, _)| *number);
        Self { backlog: Backlog::at(done), since, flights, restored_to, stored: done, ..Self::default() }
    }

    /// A packet id that no delivery has.
    fn choose(&mut self) -> Option<u16> {
        for _ in 0..=u16::MAX - FIRST_CHOSEN_PACKET_ID {
            self.chosen = self.chosen.wrapping_add(1) % (u16::MAX - FIRST_CHOSEN_PACKET_ID + 1);
            let packet_id = FIRST_CHOSEN_PACKET_ID + self.chosen;
            if self.flights.values().all(|flight| flight.packet_id != packet_id) {
                return Some(packet_id);
            }
        }
        None
    }

    fn flight(&mut self, number: u64) -> Option<PlainFlight> {
        if let Some(known) = self.flights.get(&number) {
            return Some(*known);
        }
        let flight = PlainFlight { packet_id: self.choose()?, received: false };
        self.flights.insert(number, flight);
        Some(flight)
    }
}

impl State {
    /// Everything up to this number is done; `last` is the latest of the log.
    fn done_to(&self, last: u64) -> Option<u64> {
        let lasting = self.lasting.as_deref()?;
        let sent = self.again.iter().chain(&self.in_flight).map(|sent| &sent.copy);
        let sent = sent.filter(|copy| copy.group.is_none() && copy.number > 0).map(|copy| copy.number);
        let first = sent.chain(self.queue.numbers()).min();
        let rest = if lasting.backlog.is_behind() { lasting.backlog.read_to } else { last };
        Some(first.map_or(rest, |first| first - 1).min(rest))
    }

    /// Messages that wait, in memory or not, and their bytes.
    fn waiting(&self) -> (usize, usize) {
        let (messages, bytes) = self.queue.live();
        let backlog = self.lasting.as_ref().map(|lasting| &lasting.backlog);
        (messages + backlog.map_or(0, Backlog::unread), bytes + backlog.map_or(0, Backlog::unread_bytes))
    }

    /// Whether publishers should slow down.
    pub(super) fn is_high(&self, settings: &RouteSettings) -> bool {
        let (messages, bytes) = self.waiting();
        messages > settings.queue_messages / 2 || bytes > settings.queue_bytes / 2
    }

    /// Whether they may go on.
    pub(super) fn is_low(&self, settings: &RouteSettings) -> bool {
        let (messages, bytes) = self.waiting();
        messages <= settings.queue_messages / 4 && bytes <= settings.queue_bytes / 4
    }

    /// How a copy is to be sent that an earlier process may have sent.
    pub(super) fn sent_before(&self, copy: &Copy) -> Option<PlainFlight> {
        let lasting = self.lasting.as_ref()?;
        copy.flight.filter(|_| copy.number <= lasting.restored_to)
    }

    /// Something is done: whether its place is to be written, and nobody knows yet.
    pub(super) fn moves(&mut self) -> bool {
        self.lasting.as_mut().is_some_and(|lasting| !std::mem::replace(&mut lasting.dirty, true))
    }

    /// Leaves to the log what waits in memory.
    pub(super) fn leave_to_the_log(&mut self) {
        let Some(lasting) = &mut self.lasting else { return };
        let left = self.queue.keep(|copy| copy.number == 0 || copy.group.is_some());
        if let Some(first) = left.first() {
            // They are in order, and whatever was sent is before them.
            lasting.backlog.put_back(first.number - 1, left.len(), left.iter().map(Copy::bytes).sum());
        }
    }

    /// Whether a page is to be read now; from then on it is being read.
    pub(super) fn wants_page(&mut self) -> bool {
        let low = self.queue.live().0 < LOW && self.mailbox.is_some();
        let Some(backlog) = self.lasting.as_mut().map(|lasting| &mut lasting.backlog) else { return false };
        let wants = low && backlog.is_behind() && !backlog.reading;
        backlog.reading |= wants;
        wants
    }
}

impl Subscriber {
    /// Whether its session outlives the connection.
    pub(super) fn is_lasting(&self) -> bool {
        self.lasting.load(Relaxed)
    }

    /// Its session is one that outlives the connection. It is owed nothing of what is in the log so far.
    pub(super) fn make_lasting(&self, last: u64) {
        let mut state = self.state.lock();
        if state.lasting.is_none() {
            state.lasting = Some(Box::new(Lasting::restored(last, Vec::new(), BTreeMap::new())));
            self.lasting.store(true, Relaxed);
        }
    }

    /// As an earlier process left it.
    pub(super) fn restore_lasting(&self, lasting: Lasting) {
        self.state.lock().lasting = Some(Box::new(lasting));
        self.lasting.store(true, Relaxed);
    }

    /// Its subscription with this filter begins after this number; `None` when it began earlier.
    pub(super) fn begins(&self, filter: &str, last: u64) -> Option<PlainState> {
        let mut state = self.state.lock();
        let lasting = state.lasting.as_mut()?;
        if lasting.since.iter().any(|(known, _)| &**known == filter) {
            return None;
        }
        let filter: Arc<str> = filter.into();
        lasting.since.push((filter.clone(), last));
        Some(self.fact(PlainFact::Since { filter, number: Some(last) }))
    }

    /// Its subscription with this filter has ended.
    pub(super) fn no_longer(&self, filter: &str) -> Option<PlainState> {
        let mut state = self.state.lock();
        let since = &mut state.lasting.as_mut()?.since;
        let index = since.iter().position(|(known, _)| &**known == filter)?;
        let (filter, _) = since.swap_remove(index);
        Some(self.fact(PlainFact::Since { filter, number: None }))
    }

    pub(super) fn fact(&self, fact: PlainFact) -> PlainState {
        PlainState { user: self.sender.user.clone(), device: self.sender.device.clone(), fact }
    }

    /// A packet id for a QoS 2 copy that is about to be stored, if it goes straight into the queue.
    pub(super) fn reserve(&self, number: u64, settings: &RouteSettings) -> Option<PlainFlight> {
        let mut state = self.state.lock();
        if state.ended || !state.has_room(settings) {
            return None;
        }
        state.lasting.as_mut()?.flight(number)
    }

    /// Takes a copy that is in the log. Whether its publisher should wait because of it.
    pub(super) fn logged(
        &self,
        copy: Copy,
        settings: &RouteSettings,
        stats: &RouteStats,
        now: u64,
        answer: Option<&Arc<Hold>>,
    ) -> bool {
        let mut state = self.state.lock();
        let state = &mut *state;
        let has_room = state.has_room(settings) && (copy.qos < 2 || copy.flight.is_some());
        let Some(lasting) = state.lasting.as_mut().filter(|_| !state.ended) else {
            stats.copies.add(1);
            stats.drop_one(Dropped::SessionEnded);
            return false;
        };
        if copy.number <= lasting.backlog.read_to {
            // A page was read after the commit, with this in it.
            return false;
        }
        stats.copies.add(1);
        stats.waiting.add(1);
        self.load.fetch_add(1, Relaxed);
        if has_room {
            lasting.backlog.read_to = copy.number;
            state.queue.push_logged(copy);
        } else {
            lasting.backlog.add(copy.number, copy.bytes());
        }
        self.drop_excess(state, settings, stats);
        let Some(mailbox) = &state.mailbox else { return false };
        mailbox.wake();
        let slow = state.is_high(settings) && self.keeps_up(state, now);
        if slow && let Some(answer) = answer {
            state.hold(answer.clone());
        }
        slow
    }

    /// Drops the oldest that wait as long as more wait than may.
    pub(super) fn drop_excess(&self, state: &mut State, settings: &RouteSettings, stats: &RouteStats) {
        loop {
            let (messages, bytes) = state.waiting();
            let why = match (messages > settings.queue_messages, bytes > settings.queue_bytes) {
                (true, _) => Dropped::QueueFull,
                (_, true) => Dropped::QueueBytes,
                _ => return,
            };
            match state.queue.pop_logged() {
                Some(_) => {}
                None if state.lasting.as_mut().is_some_and(|lasting| lasting.backlog.drop_oldest()) => {}
                None => return,
            }
            self.load.fetch_sub(1, Relaxed);
            stats.drop_waiting(why, 1);
        }
    }

    /// The PUBREC of a delivery is stored: its PUBREL may go.
    pub(super) fn release(&self, number: u64) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if let Some(flight) = state.lasting.as_mut().and_then(|lasting| lasting.flights.get_mut(&number)) {
            flight.received = true;
        }
        let is_it = |copy: &Copy| copy.number == number && copy.group.is_none();
        if let Some(sent) = state.again.iter_mut().find(|sent| is_it(&sent.copy)) {
            sent.received = true;
        }
        if let Some(sent) = state.in_flight.iter_mut().find(|sent| is_it(&sent.copy)) {
            sent.received = true;
            state.released.push(sent.number);
            if let Some(mailbox) = &state.mailbox {
                mailbox.wake();
            }
        }
    }

    /// How far it is, if that has changed; `last` is the latest number of the log.
    pub(super) fn place(&self, last: u64) -> SmallVec<[PlainState; 1]> {
        let mut state = self.state.lock();
        let mut facts = SmallVec::new();
        let done = state.done_to(last).filter(|_| !state.ended);
        let Some((lasting, done)) = state.lasting.as_mut().zip(done) else { return facts };
        lasting.dirty = false;
        if done > lasting.stored {
            lasting.stored = done;
            facts.push(self.fact(PlainFact::Done(done)));
            // Not before: a message above it may be read again.
            let above = lasting.flights.split_off(&(done + 1));
            let below = std::mem::replace(&mut lasting.flights, above);
            let gone = below.into_keys().map(|number| self.fact(PlainFact::Flight { number, flight: None }));
            facts.extend(gone);
        }
        facts
    }

    /// Everything up to the answer is done, for who tidies the log up.
    pub(super) fn done_to(&self, last: u64) -> Option<u64> {
        self.state.lock().done_to(last)
    }

    /// Whether so much is to be passed over that it is worth doing while nobody is connected: the log keeps it until then. From then on it
    /// is being read.
    pub(super) fn wants_to_pass_over(&self, many: usize) -> bool {
        let mut state = self.state.lock();
        let away = state.mailbox.is_none() && !state.ended;
        let Some(backlog) = state.lasting.as_mut().map(|lasting| &mut lasting.backlog) else { return false };
        let wants = away && backlog.skip() >= many && !backlog.reading;
        backlog.reading |= wants;
        wants
    }

    /// What is to be read; `None` when it has ended.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        let mut state = self.state.lock();
        let filters = {
            let granted = |filter: &str| {
                state.subscriptions.iter().any(|held| held.filter == filter && held.qos > 0 && shared(filter).is_none())
            };
            let since = &state.lasting.as_ref()?.since;
            since.iter().filter(|(filter, _)| granted(filter)).cloned().collect()
        };
        let generation = self.generation.load(Relaxed);
        let plan = state.lasting.as_mut()?.backlog.plan();
        Some(Wanted { plan, filters, generation })
    }

    /// A page could not be read.
    pub(super) fn page_failed(&self) {
        let mut state = self.state.lock();
        if let Some(lasting) = &mut state.lasting {
            lasting.backlog.reading = false;
        }
        if let Some(mailbox) = &state.mailbox {
            mailbox.wake();
        }
    }

    /// The copies that it gets of what was read, and what is to be stored before it gets them.
    pub(super) fn copies_of(&self, page: &Page, wanted: &Wanted) -> (Vec<Copy>, Vec<PlainState>) {
        let mut state = self.state.lock();
        let (mut copies, mut facts) = (Vec::new(), Vec::new());
        if self.generation.load(Relaxed) != wanted.generation {
            return (copies, facts);
        }
        for (number, message) in &page.messages {
            let Some(mut copy) = copy_for(&state.subscriptions, message, &self.sender) else { continue };
            copy.number = *number;
            if copy.qos == 2
                && let Some(lasting) = &mut state.lasting
            {
                let known = lasting.flights.contains_key(number);
                copy.flight = lasting.flight(*number);
                if !known && let Some(flight) = copy.flight {
                    facts.push(self.fact(PlainFact::Flight { number: *number, flight: Some(flight) }));
                }
            }
            copies.push(copy);
        }
        (copies, facts)
    }

    /// Takes a page into the queue, unless the connection that it was read for has ended.
    pub(super) fn take_page(&self, page: &Page, wanted: &Wanted, copies: Vec<Copy>, stats: &RouteStats) {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(lasting) = &mut state.lasting else { return };
        if self.generation.load(Relaxed) != wanted.generation || state.ended {
            lasting.backlog.reading = false;
        } else {
            let bytes = copies.iter().map(Copy::bytes).sum();
            let uncounted = lasting.backlog.page(page.read_to, page.skipped, copies.len(), bytes);
            let gone = if page.complete { lasting.backlog.exhausted(wanted.plan.last) } else { 0 };
            self.load.fetch_add(uncounted, Relaxed);
            stats.copies.add(uncounted as u64);
            stats.waiting.add(i64::try_from(uncounted).unwrap_or(0));
            self.load.fetch_sub(gone, Relaxed);
            stats.drop_waiting(Dropped::QueueAge, gone);
            copies.into_iter().for_each(|copy| state.queue.push_logged(copy));
        }
        if let Some(mailbox) = &state.mailbox {
            mailbox.wake();
        }
    }
}

impl State {
    /// Whether what comes next goes into the queue and needs not be read again.
    fn has_room(&self, settings: &RouteSettings) -> bool {
        let (messages, bytes) = self.queue.live();
        let behind = self.lasting.as_ref().is_none_or(|lasting| lasting.backlog.is_behind() || lasting.backlog.reading);
        self.mailbox.is_some()
            && !behind
            && messages < PAGE.min(settings.queue_messages)
            && bytes < PAGE_BYTES.min(settings.queue_bytes)
    }
}

/// A message as the subscriptions of a session want it; `None` when none does.
fn copy_for(subscriptions: &[Subscription], message: &Arc<PlainMessage>, own: &longwave_port::Sender) -> Option<Copy> {
    let is_own = message.from.device == own.device && message.from.user == own.user;
    let mut copy = Copy {
        message: message.clone(),
        qos: 0,
        retain: false,
        identifiers: Box::default(),
        group: None,
        number: 0,
        flight: None,
    };
    let mut identifiers = Vec::new();
    for held in subscriptions {
        if (held.no_local && is_own) || shared(&held.filter).is_some() || !matches(&held.filter, &message.topic) {
            continue;
        }
        copy.qos = copy.qos.max(held.qos.min(message.qos));
        copy.retain |= message.retain && held.retain_as_published;
        identifiers.extend(held.identifier);
    }
    copy.identifiers = identifiers.into();
    (copy.qos > 0).then_some(copy)
}
