//! The task of a connection: a future polled by hand, so that an idle one is small and owns no buffer.
//!
//! A poll makes a bounded number of turns (see [`super::turn`]) and then lets others run.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use longwave_port::{Closing, Delivery};
use tracing::error;

use super::buffers;
use super::ending::{self, Ending, OpenFeed};
use super::handle::ConnectionHandle;
use super::pending::Pending;
use super::seat::Seat;
use super::tally::Tally;
use super::wire::Wire;
use crate::codec::packet::Version;
use crate::session::{Effect, Now, Session};

/// Turns of one poll; a turn reads at most [`buffers::READ_CHUNK`] and takes at most `write_buffer_bytes`.
const TURNS: usize = 4;

/// A connection, from the first byte of MQTT to its end.
pub(crate) struct Connection {
    pub(super) seat: Seat,
    pub(super) handle: Arc<ConnectionHandle>,
    pub(super) wire: Wire,
    pub(super) session: Box<Session>,
    /// Bytes that wait; an idle connection has none.
    waiting: Option<Box<Waiting>>,
    pub(super) feed: Option<OpenFeed>,
    pub(super) pending: Option<Box<Pending>>,
    ending: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Session expiry as asked for when the feed was opened, for the case that this task panics.
    pub(super) expiry_seconds: u32,
    /// Known from the first bytes on.
    pub(super) version: Option<Version>,
    /// `partial` may hold a whole packet.
    pub(super) undecoded: bool,
    /// The transport has not given everything to the operating system.
    pub(super) unflushed: bool,
    /// The outlet may have something.
    pub(super) outlet_ready: bool,
    /// The outlet was asked when there was no room: ask again as soon as there is.
    pub(super) no_room: bool,
    pub(super) socket_gone: bool,
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
pub(super) struct Scratch {
    pub(super) effects: Vec<Effect>,
    pub(super) deliveries: Vec<Delivery>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What a poll works with.
pub(super) struct Work {
    pub(super) now: Now,
    pub(super) tally: Tally,
    pub(super) scratch: Scratch,
    pub(super) partial: BytesMut,
    pub(super) out: BytesMut,
    pub(super) closing: Option<Closing>,
    /// Something to wait for has been started and must be polled once.
    pub(super) asked: bool,
}

impl Connection {
    /// Accepted at `accepted` (monotonic milliseconds): handshakes count towards the time to CONNECT.
    pub(crate) fn new(seat: Seat, wire: Wire, accepted: u64) -> Self {
        let session = Session::new(seat.broker.parts.limits.clone(), accepted, rand::random());
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
        let waited = i64::from(this.waiting.is_some());
        let Waiting { partial, out } = this.waiting.take().map_or_else(Waiting::default, |waiting| *waiting);
        let mut work = Work {
            now: this.seat.broker.clock.now(),
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
        SCRATCH.set(work.scratch);
        let broker = &this.seat.broker;
        work.tally.write(broker.stats());
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
