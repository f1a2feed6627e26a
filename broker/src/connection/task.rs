//! The task of a connection: a future polled by hand, so that an idle one is small and owns no buffer.
//!
//! A turn takes what has arrived in the mailbox, then what the outlet owes, then what the socket has, and flushes once: a burst of
//! receipts is one write. A poll makes a bounded number of turns and then lets others run. While more than `write_buffer_bytes` wait
//! for the peer, nothing is read and nothing is taken, which is all the back pressure there is.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use longwave_port::{Answer, Closing, Delivery};
use tracing::error;

use super::buffers;
use super::ending::{self, Ending, OpenFeed};
use super::handle::ConnectionHandle;
use super::pending::{self, Came, Pending};
use super::seat::Seat;
use super::tally::Tally;
use super::wire::Wire;
use crate::codec::packet::Version;
use crate::codec::{self, DecodeError, Decoder};
use crate::session::{Effect, Event, Now, OpenedSession, Session};

/// Turns of one poll; a turn reads at most [`buffers::READ_CHUNK`] and takes at most `write_buffer_bytes`.
const TURNS: usize = 4;

/// A connection, from the first byte of MQTT to its end.
pub(crate) struct Connection {
    pub(super) seat: Seat,
    pub(super) handle: Arc<ConnectionHandle>,
    wire: Wire,
    session: Box<Session>,
    /// Bytes that wait; an idle connection has none.
    waiting: Option<Box<Waiting>>,
    pub(super) feed: Option<OpenFeed>,
    pub(super) pending: Option<Box<Pending>>,
    ending: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Session expiry as asked for when the feed was opened, for the case that this task panics.
    pub(super) expiry_seconds: u32,
    /// Known from the first bytes on.
    version: Option<Version>,
    /// `partial` may hold a whole packet.
    undecoded: bool,
    /// The transport has not given everything to the operating system.
    unflushed: bool,
    /// The outlet may have something.
    outlet_ready: bool,
    /// The outlet was asked when there was no room: ask again as soon as there is.
    no_room: bool,
    socket_gone: bool,
}

/// What a connection holds on to between two polls, when it must.
#[derive(Default)]
struct Waiting {
    /// The beginning of a packet whose end has not arrived, or packets that the session does not want yet.
    partial: BytesMut,
    /// Encoded and not yet taken by the socket.
    out: BytesMut,
}

/// Lists that a thread's connections share while they are polled.
#[derive(Default)]
struct Scratch {
    effects: Vec<Effect>,
    deliveries: Vec<Delivery>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What a poll works with.
pub(super) struct Work {
    pub(super) now: Now,
    pub(super) tally: Tally,
    scratch: Scratch,
    partial: BytesMut,
    pub(super) out: BytesMut,
    pub(super) closing: Option<Closing>,
    /// Something to wait for has been started and must be polled once.
    pub(super) asked: bool,
}

impl Connection {
    pub(crate) fn new(seat: Seat, wire: Wire) -> Self {
        let broker = &seat.broker;
        let session = Session::new(broker.parts.limits.clone(), broker.clock.now().monotonic, rand::random());
        Self {
            seat,
            handle: ConnectionHandle::new(),
            wire,
            session: Box::new(session),
            waiting: None,
            feed: None,
            pending: None,
            ending: None,
            expiry_seconds: 0,
            version: None,
            undecoded: false,
            unflushed: false,
            outlet_ready: false,
            no_room: false,
            socket_gone: false,
        }
    }

    /// One turn. True when there may be more to do at once.
    fn turn(&mut self, cx: &mut Context<'_>, work: &mut Work) -> bool {
        let mut again = self.read_mail(work);
        again |= self.poll_pending(cx, work);
        again |= self.take_deliveries(work);
        again |= self.read(cx, work);
        again |= self.flush(cx, work);
        again |= mem::take(&mut work.asked);
        again && work.closing.is_none()
    }

    fn read_mail(&mut self, work: &mut Work) -> bool {
        let arrived = self.handle.collect();
        if arrived.is_empty() {
            return false;
        }
        self.outlet_ready |= arrived.outlet_ready;
        for (ticket, answer) in arrived.answers {
            match answer {
                Answer::Stored { .. } | Answer::Done { .. } => work.tally.accepted += 1,
                Answer::Refused { .. } => work.tally.refused += 1,
                Answer::Unknown => work.tally.unknown += 1,
            }
            self.handle_event(Event::Answered { ticket, answer }, work);
        }
        if arrived.deadline_passed {
            self.handle_event(Event::Tick, work);
        }
        if let Some(refusal) = arrived.close {
            self.handle_event(Event::Close(*refusal), work);
        }
        true
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>, work: &mut Work) -> bool {
        let outlet = self.feed.as_ref().map(|feed| &feed.outlet);
        let Poll::Ready(came) = pending::poll(&mut self.pending, cx, &self.seat.broker, &self.handle, outlet) else {
            return false;
        };
        let event = match came {
            Came::Event(event) => event,
            Came::Opened(claim, opened) => {
                let session = OpenedSession::from(&opened);
                self.feed = Some(OpenFeed { outlet: opened.outlet, claim });
                self.seat.broker.stats().sessions.add(1);
                self.outlet_ready = true;
                Event::Opened(Ok(session))
            }
        };
        self.socket_gone |= matches!(event, Event::Disconnected);
        self.handle_event(event, work);
        true
    }

    fn take_deliveries(&mut self, work: &mut Work) -> bool {
        let limit = self.write_limit();
        let Some(feed) = &self.feed else { return false };
        if !self.session.is_live() || work.out.len() >= limit {
            return false;
        }
        let room = self.session.room();
        let worth_asking = self.outlet_ready || (self.no_room && room > 0);
        if !worth_asking {
            return false;
        }
        let mut deliveries = mem::take(&mut work.scratch.deliveries);
        feed.outlet.take(room, limit - work.out.len(), &mut deliveries);
        self.outlet_ready = !deliveries.is_empty();
        self.no_room = room == 0;
        for delivery in deliveries.drain(..) {
            self.handle_event(Event::Deliver(delivery), work);
        }
        work.scratch.deliveries = deliveries;
        self.outlet_ready
    }

    fn read(&mut self, cx: &mut Context<'_>, work: &mut Work) -> bool {
        if !self.wants_to_read(work) {
            return false;
        }
        let mut buffer = mem::take(&mut work.partial);
        if self.undecoded {
            self.decode(&mut buffer, work);
        }
        let mut again = self.undecoded;
        if !self.undecoded && self.wants_to_read(work) {
            if buffer.is_empty() {
                buffers::give_back(buffer);
                buffer = buffers::borrow();
            }
            match self.wire.poll_read(cx, &mut buffer) {
                Poll::Pending => {}
                Poll::Ready(Ok(n @ 1..)) => {
                    work.tally.bytes_in += n as u64;
                    self.decode(&mut buffer, work);
                    again = true;
                }
                Poll::Ready(Ok(0) | Err(_)) => self.disconnected(work),
            }
        }
        if buffer.is_empty() {
            buffers::give_back(buffer);
        } else {
            work.partial = buffers::shrink(buffer);
        }
        again && self.wants_to_read(work)
    }

    /// Hands in the packets in the buffer, as long as the session wants more.
    fn decode(&mut self, buffer: &mut BytesMut, work: &mut Work) {
        loop {
            self.undecoded = !buffer.is_empty();
            if !self.undecoded || !self.wants_to_read(work) {
                return;
            }
            match self.decode_one(buffer) {
                Ok(Some(packet)) => {
                    work.tally.packets_in += 1;
                    self.handle_event(Event::Packet(packet), work);
                }
                Ok(None) => {
                    self.undecoded = false;
                    return;
                }
                Err(error) => {
                    self.seat.broker.stats().malformed.add(1);
                    buffer.clear();
                    self.undecoded = false;
                    self.handle_event(Event::Undecodable(error), work);
                    return;
                }
            }
        }
    }

    fn decode_one(&mut self, buffer: &mut BytesMut) -> Result<Option<codec::packet::Packet>, DecodeError> {
        let limit = self.session.packet_limit();
        let version = match self.version {
            Some(version) => version,
            None => match codec::sniff(buffer, limit)? {
                Some(version) => *self.version.insert(version),
                None => return Ok(None),
            },
        };
        Decoder::new(version, limit).decode(buffer)
    }

    fn flush(&mut self, cx: &mut Context<'_>, work: &mut Work) -> bool {
        if (work.out.is_empty() && !self.unflushed) || self.socket_gone {
            return false;
        }
        let before = work.out.len();
        let flushed = self.wire.poll_flush(cx, &mut work.out);
        work.tally.bytes_out += (before - work.out.len()) as u64;
        self.unflushed = flushed.is_pending();
        match flushed {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => {
                buffers::give_back(mem::take(&mut work.out));
                // What was held back for want of room in the buffer may go on.
                before >= self.write_limit()
            }
            Poll::Ready(Err(_)) => {
                self.disconnected(work);
                false
            }
        }
    }

    fn disconnected(&mut self, work: &mut Work) {
        self.socket_gone = true;
        self.handle_event(Event::Disconnected, work);
    }

    fn handle_event(&mut self, event: Event, work: &mut Work) {
        if work.closing.is_some() {
            return;
        }
        let mut effects = mem::take(&mut work.scratch.effects);
        self.session.handle(event, work.now, &mut effects);
        for effect in effects.drain(..) {
            self.perform(effect, work);
        }
        work.scratch.effects = effects;
    }

    fn wants_to_read(&self, work: &Work) -> bool {
        !self.socket_gone && !self.session.is_closed() && self.session.reads() && work.out.len() < self.write_limit()
    }

    fn write_limit(&self) -> usize {
        self.seat.broker.parts.limits.write_buffer_bytes
    }

    pub(super) fn encode_version(&self) -> Version {
        self.session.version()
    }

    fn end(&mut self, closing: Closing, out: BytesMut) -> &mut Pin<Box<dyn Future<Output = ()> + Send>> {
        self.handle.retire();
        let ending = Ending {
            broker: self.seat.broker.clone(),
            wire: mem::replace(&mut self.wire, Wire::Closed),
            out,
            socket_gone: self.socket_gone,
            feed: self.feed.take(),
            pending: self.pending.take(),
            closing,
        };
        if !self.socket_gone {
            self.seat.broker.stats().closed_by_server.add(1);
        }
        self.ending.insert(Box::pin(ending.run()))
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if let Some(ending) = &mut this.ending {
            return ending.as_mut().poll(cx);
        }
        let broker = this.seat.broker.clone();
        let waited = i64::from(this.waiting.is_some());
        let Waiting { partial, out } = this.waiting.take().map_or_else(Waiting::default, |waiting| *waiting);
        let mut work = Work {
            now: broker.clock.now(),
            tally: Tally::default(),
            scratch: SCRATCH.take(),
            partial,
            out,
            closing: None,
            asked: false,
        };
        let mut turns = TURNS;
        let mut asleep = false;
        while turns > 0 && work.closing.is_none() && !asleep {
            turns -= 1;
            let again = this.turn(cx, &mut work);
            asleep = !again && work.closing.is_none() && this.handle.sleep(cx.waker());
        }
        work.tally.write(broker.stats());
        SCRATCH.set(work.scratch);
        let (partial, out) = (work.partial, work.out);
        if let Some(closing) = work.closing {
            broker.stats().buffers_in_use.add(-waited);
            buffers::give_back(partial);
            return this.end(closing, out).as_mut().poll(cx);
        }
        if !partial.is_empty() || !out.is_empty() {
            this.waiting = Some(Box::new(Waiting { partial, out }));
        }
        broker.stats().buffers_in_use.add(i64::from(this.waiting.is_some()) - waited);
        broker.deadlines.set(&this.handle, this.session.deadline());
        if !asleep {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.handle.retire();
        if std::thread::panicking() {
            self.seat.broker.stats().panics.add(1);
            error!("a connection's task panicked; its session is kept");
        }
        if let Some(feed) = self.feed.take() {
            let now = self.seat.broker.clock.now().unix;
            let closing = Closing { expiry_seconds: self.expiry_seconds, now, ..Closing::default() };
            ending::close_after_panic(self.seat.broker.clone(), feed, closing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The task's own state; tokio adds its header and rounds up to 128 bytes.
    #[test]
    fn the_future_of_a_connection_is_small() {
        // More would not fit into a task of 256 bytes, and the next size is 384.
        assert!(size_of::<Connection>() <= 152, "{}", size_of::<Connection>());
        assert!(size_of::<ConnectionHandle>() <= 128, "{}", size_of::<ConnectionHandle>());
    }
}
