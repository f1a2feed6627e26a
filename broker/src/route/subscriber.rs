//! One session on plain topics: its queue, what is in flight, its subscriptions and its will. What outlives the connection is
//! beside it, in `lasting`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use longwave_model::{PlainFact, PlainFlight, PlainState};
use longwave_port::{Delivery, Mailbox, Resend, Sender, Subscription, Ticket, Will};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::delivery::{PLAIN, delivery};
use super::group::Group;
use super::hold::Hold;
use super::lasting::Lasting;
use super::queue::{Copy, Queue};
use super::settings::RouteSettings;
use super::stats::{Dropped, RouteStats};
use super::taking::Taken;

/// A receiver that has taken nothing for so many milliseconds slows nobody down: it is stuck, and its queue fills and drops.
const KEEPS_UP: u64 = 1_000;
/// Answers held back by one session that are looked through for those whose time is over.
const MANY_HOLDS: usize = 256;

/// The session of one device.
pub(super) struct Subscriber {
    /// Names it in the index.
    pub(super) number: u64,
    /// Whose it is.
    pub(super) sender: Arc<Sender>,
    /// Raised when it is attached or detached, so that timers set before mean nothing any more.
    pub(super) generation: AtomicU64,
    connected: AtomicBool,
    pub(super) lasting: AtomicBool,
    /// Copies that wait or are in flight.
    pub(super) load: AtomicUsize,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) mailbox: Option<Arc<dyn Mailbox>>,
    pub(super) queue: Queue,
    /// Handed to the connection above QoS 0, in order.
    pub(super) in_flight: VecDeque<InFlight>,
    /// In flight on an earlier connection: what goes out first.
    pub(super) again: VecDeque<InFlight>,
    /// In flight, and their PUBREL may go.
    pub(super) released: Vec<u64>,
    last_number: u64,
    holds: Vec<Arc<Hold>>,
    /// When the connection last took something, Unix time in milliseconds.
    took_at: u64,
    /// Of a session that outlives its connection.
    pub(super) lasting: Option<Box<Lasting>>,
    /// Whether the store has facts about it that its end is to remove.
    pub(super) has_facts: bool,
    pub(super) subscriptions: Vec<Subscription>,
    /// Shared subscriptions that it is a member of.
    pub(super) groups: Vec<Arc<Group>>,
    /// QoS 2 publishes of the device that are not released.
    pub(super) received: Vec<Taken>,
    pub(super) will: Option<Box<Will>>,
    pub(super) ended: bool,
}

/// A delivery that is not complete.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) number: u64,
    pub(super) copy: Copy,
    packet_id: Option<u16>,
    /// The device has it: PUBREC came.
    pub(super) received: bool,
}

/// What the end of a delivery means to others.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// A shared subscription is done with these.
    pub(super) shared: SmallVec<[(Arc<Group>, u64); 1]>,
    /// The session's place in the log has moved, and nobody knows yet.
    pub(super) moved: bool,
}

impl Subscriber {
    pub(super) fn new(number: u64, sender: Arc<Sender>) -> Self {
        Self {
            number,
            sender,
            generation: AtomicU64::new(0),
            connected: AtomicBool::new(false),
            lasting: AtomicBool::new(false),
            load: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Relaxed)
    }

    /// Copies that wait or are in flight.
    pub(super) fn load(&self) -> usize {
        self.load.load(Relaxed)
    }

    /// A connection takes from now on.
    pub(super) fn attach(&self, mailbox: Arc<dyn Mailbox>, now: u64) {
        self.generation.fetch_add(1, Relaxed);
        self.connected.store(true, Relaxed);
        let mut state = self.state.lock();
        state.took_at = now;
        let in_flight = std::mem::take(&mut state.in_flight);
        for sent in in_flight.into_iter().rev() {
            // What never got a packet id was never sent.
            match sent.packet_id {
                Some(_) => state.again.push_front(sent),
                None => state.queue.push_front(sent.copy),
            }
        }
        let behind = state.lasting.as_ref().is_some_and(|lasting| lasting.backlog.is_behind());
        if behind || state.queue.len() + state.again.len() > 0 {
            mailbox.wake();
        }
        state.mailbox = Some(mailbox);
    }

    /// The connection ended. Copies at QoS 0 go with it, and what another member of a shared subscription may get instead is given
    /// back: that is all of it but QoS 2 that was sent [MQTT-4.8.2-5].
    pub(super) fn detach(&self, packet_ids: &[(u16, u64)], stats: &RouteStats) -> Vec<Copy> {
        self.generation.fetch_add(1, Relaxed);
        self.connected.store(false, Relaxed);
        let mut state = self.state.lock();
        let state = &mut *state;
        state.mailbox = None;
        state.holds = Vec::new();
        state.released = Vec::new();
        for sent in &mut state.in_flight {
            sent.packet_id = packet_ids.iter().find(|(_, number)| *number == sent.number).map(|(id, _)| *id);
        }
        let mut shared = Vec::new();
        let mut offline = 0;
        for copy in state.queue.keep(|copy| copy.qos > 0 && copy.group.is_none()) {
            match copy.group {
                Some(_) => shared.push(copy),
                None => offline += 1,
            }
        }
        let mut unsent = Vec::new();
        for sent in std::mem::take(&mut state.in_flight) {
            if sent.copy.group.is_some() && (sent.copy.qos == 1 || sent.packet_id.is_none()) {
                shared.push(sent.copy);
            } else if sent.copy.number > 0 && sent.packet_id.is_none() {
                unsent.push(sent.copy);
            } else {
                state.in_flight.push_back(sent);
            }
        }
        unsent.into_iter().rev().for_each(|copy| state.queue.push_front(copy));
        state.leave_to_the_log();
        self.load.fetch_sub(offline + shared.len(), Relaxed);
        stats.drop_waiting(Dropped::Offline, offline);
        stats.waiting.add(-i64::try_from(shared.len()).unwrap_or(i64::MAX));
        shared
    }

    /// The session ended, after it was detached: nothing is kept. What of shared subscriptions was still in flight, at QoS 2, ends with
    /// it [MQTT-4.8.2-5].
    pub(super) fn end(&self, stats: &RouteStats) -> Ended {
        let mut ended = Ended::default();
        let mut state = self.state.lock();
        state.ended = true;
        let mut lost = state.queue.keep(|_| false);
        let sent = std::mem::take(&mut state.in_flight).into_iter().chain(std::mem::take(&mut state.again));
        lost.extend(sent.map(|sent| sent.copy));
        let unread = state.lasting.take().map_or(0, |lasting| lasting.backlog.unread());
        let count = lost.len() + unread;
        lost.into_iter().for_each(|copy| state.is_done(copy, &mut ended));
        drop(state);
        self.load.fetch_sub(count, Relaxed);
        stats.drop_waiting(Dropped::SessionEnded, count);
        ended
    }

    /// Queues a copy of what was published. `hold` makes the answer to the publish one that can be held back.
    ///
    /// # Errors
    /// The copy, and why it was not queued.
    pub(super) fn push(
        &self,
        copy: Copy,
        settings: &RouteSettings,
        stats: &RouteStats,
        now: u64,
        hold: &mut dyn FnMut() -> Option<Arc<Hold>>,
    ) -> Result<(), (Dropped, Copy)> {
        let mut state = self.state.lock();
        if state.ended {
            return Err((Dropped::SessionEnded, copy));
        }
        if copy.qos == 0 && state.mailbox.is_none() {
            return Err((Dropped::Offline, copy));
        }
        if let Err(why) = state.queue.push(copy.clone(), settings) {
            return Err((why, copy));
        }
        self.load.fetch_add(1, Relaxed);
        stats.waiting.add(1);
        let Some(mailbox) = &state.mailbox else { return Ok(()) };
        mailbox.wake();
        if state.is_high(settings)
            && self.keeps_up(&state, now)
            && let Some(hold) = hold()
        {
            state.hold(hold);
        }
        Ok(())
    }

    /// Whether its connection has taken something lately.
    pub(super) fn keeps_up(&self, state: &State, now: u64) -> bool {
        now.saturating_sub(state.took_at) < KEEPS_UP
    }

    /// Queues retained messages.
    pub(super) fn push_retained(&self, copies: Vec<Copy>, settings: &RouteSettings, stats: &RouteStats) {
        let mut state = self.state.lock();
        for copy in copies {
            stats.copies.add(1);
            match state.queue.push_retained(copy, settings) {
                Ok(()) => {
                    self.load.fetch_add(1, Relaxed);
                    stats.waiting.add(1);
                }
                Err(why) => stats.drop_one(why),
            }
        }
        if let Some(mailbox) = &state.mailbox {
            mailbox.wake();
        }
    }

    /// See [`longwave_port::Outlet::take`]. Whether a page of the log is to be read, and what ended.
    pub(super) fn take(
        &self,
        room: usize,
        bytes: usize,
        out: &mut Vec<Delivery>,
        settings: &RouteSettings,
        stats: &RouteStats,
        now: u64,
    ) -> (bool, Ended) {
        let mut state = self.state.lock();
        let (before, mut ended) = (out.len(), Ended::default());
        let (mut room, mut used) = (room, 0);
        for number in std::mem::take(&mut state.released) {
            out.push(Delivery { ticket: Some(Ticket(number | PLAIN)), released: true, ..Delivery::default() });
        }
        while room > 0
            && used <= bytes
            && let Some(sent) = state.again.pop_front()
        {
            room -= 1;
            used += sent.copy.message.payload.len();
            state.last_number += 1;
            let number = state.last_number;
            let resend = sent.packet_id.map(Resend);
            out.push(Delivery { resend, released: sent.received, ..delivery(&sent.copy, Some(number), now) });
            state.in_flight.push_back(InFlight { number, ..sent });
        }
        while used <= bytes && state.again.is_empty() {
            let Some(next) = state.queue.front() else { break };
            // One that an earlier process may have sent is brought to its end.
            if next.is_expired(now) && state.sent_before(next).is_none() {
                if let Some(copy) = state.queue.pop() {
                    state.is_done(copy, &mut ended);
                }
                self.load.fetch_sub(1, Relaxed);
                stats.drop_waiting(Dropped::Expired, 1);
                continue;
            }
            if next.qos > 0 && room == 0 {
                break;
            }
            let Some(copy) = state.queue.pop() else { break };
            used += copy.message.topic.len() + copy.message.payload.len();
            if copy.qos == 0 {
                out.push(delivery(&copy, None, now));
                self.load.fetch_sub(1, Relaxed);
                stats.waiting.add(-1);
                stats.delivered.add(1);
                state.is_done(copy, &mut ended);
                continue;
            }
            room -= 1;
            state.last_number += 1;
            let number = state.last_number;
            let before = state.sent_before(&copy);
            let received = before.is_some_and(|flight| flight.received);
            let resend = before.map(|flight| Resend(flight.packet_id));
            out.push(Delivery { resend, released: received, ..delivery(&copy, Some(number), now) });
            state.in_flight.push_back(InFlight { number, copy, packet_id: None, received });
        }
        if out.len() > before {
            state.took_at = now;
        }
        let wants_page = state.wants_page();
        if !state.holds.is_empty() && state.is_low(settings) {
            let holds = std::mem::take(&mut state.holds);
            drop(state);
            drop(holds);
        }
        (wants_page, ended)
    }

    /// A delivery is complete.
    pub(super) fn acked(&self, ticket: u64, stats: &RouteStats) -> Ended {
        let mut ended = Ended::default();
        let mut state = self.state.lock();
        let index = state.in_flight.binary_search_by_key(&(ticket & !PLAIN), |sent| sent.number);
        let Some(sent) = index.ok().and_then(|index| state.in_flight.remove(index)) else { return ended };
        if state.in_flight.is_empty() {
            state.in_flight = VecDeque::new();
        }
        state.is_done(sent.copy, &mut ended);
        drop(state);
        self.load.fetch_sub(1, Relaxed);
        stats.waiting.add(-1);
        stats.delivered.add(1);
        ended
    }

    /// The device has a delivery at QoS 2: the number and the fact to be stored before its PUBREL, if it is one of the log.
    pub(super) fn received(&self, ticket: u64) -> Option<(u64, PlainState)> {
        let mut state = self.state.lock();
        let index = state.in_flight.binary_search_by_key(&(ticket & !PLAIN), |sent| sent.number).ok()?;
        let sent = &mut state.in_flight[index];
        let Some(flight) = sent.copy.flight else {
            sent.received = true;
            return None;
        };
        let flight = Some(PlainFlight { received: true, ..flight });
        Some((sent.copy.number, self.fact(PlainFact::Flight { number: sent.copy.number, flight })))
    }
}

impl State {
    /// Keeps an answer back.
    pub(super) fn hold(&mut self, hold: Arc<Hold>) {
        if self.holds.len() >= MANY_HOLDS {
            self.holds.retain(|hold| !hold.is_over());
        }
        self.holds.push(hold);
    }

    fn is_done(&mut self, copy: Copy, ended: &mut Ended) {
        match copy.group {
            Some(group) if copy.number > 0 => ended.shared.push((group, copy.number)),
            None if copy.number > 0 => ended.moved |= self.moves(),
            _ => {}
        }
    }
}
