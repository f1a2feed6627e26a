//! Many connections on one epoll instance, driven by one thread.
//!
//! What a packet means is the business of a [`Handler`]. After a connection's packets were handled, everything that they made it
//! say (acknowledgements, next messages) leaves in one write.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::clock::Clock;
use crate::connection::{Closed, Connection};
use crate::wire::Packet;

/// The largest packet that a server may send here, in bytes.
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// Ready connections taken per wake-up.
const EVENTS: usize = 1024;

/// What to do with what arrives.
pub trait Handler {
    /// A packet arrived on connection `who` at `now_ns`; answers go to `out`.
    fn packet(&mut self, who: usize, now_ns: u64, packet: Packet<'_>, out: &mut Vec<u8>);

    /// Everything that had arrived was handled: a moment to say something on other connections.
    fn turned(&mut self, _fleet: &mut Fleet) {}

    /// Connection `who` is over.
    fn closed(&mut self, who: usize, why: Closed);
}

/// Connections, by index in the order in which they were added.
pub struct Fleet {
    clock: Clock,
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    events: Vec<epoll::Event>,
    scratch: Box<[u8]>,
}

impl Fleet {
    /// An empty fleet that tells time by `clock`.
    ///
    /// # Errors
    /// When the process may not open another file.
    pub fn new(clock: Clock) -> io::Result<Self> {
        Ok(Self {
            clock,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            events: Vec::with_capacity(EVENTS),
            scratch: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
        })
    }

    /// The clock of the run.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Takes a connection in and returns its index.
    ///
    /// # Errors
    /// When epoll refuses it (out of memory or of watches).
    pub fn add(&mut self, connection: Connection) -> io::Result<usize> {
        let index = self.connections.len();
        let interest =
            epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        epoll::add(&self.epoll, &connection, epoll::EventData::new_u64(index as u64), interest)?;
        self.connections.push(Some(connection));
        Ok(index)
    }

    /// A connection that is still open.
    pub fn connection(&mut self, who: usize) -> Option<&mut Connection> {
        self.connections.get_mut(who)?.as_mut()
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.connections.iter().flatten().count()
    }

    /// Closes a connection without a word; the server sees the end of the stream.
    pub fn drop_connection(&mut self, who: usize) {
        if let Some(slot) = self.connections.get_mut(who) {
            *slot = None;
        }
    }

    /// Writes what connection `who` has collected.
    pub fn flush(&mut self, who: usize, handler: &mut impl Handler) {
        let Some(connection) = self.connection(who) else { return };
        if let Err(why) = connection.flush() {
            self.drop_connection(who);
            handler.closed(who, why);
        }
    }

    /// Waits at most `wait_ns` for packets and handles all that are there.
    ///
    /// # Errors
    /// When epoll itself fails; a failing connection goes to [`Handler::closed`].
    pub fn turn(&mut self, wait_ns: u64, handler: &mut impl Handler) -> io::Result<()> {
        let wait_ns = i64::try_from(wait_ns).unwrap_or(i64::MAX);
        let wait = Timespec { tv_sec: wait_ns / 1_000_000_000, tv_nsec: wait_ns % 1_000_000_000 };
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for at in 0..self.events.len() {
            let event = self.events[at];
            let (data, flags) = (event.data, event.flags);
            let who = usize::try_from(data.u64()).unwrap_or(usize::MAX);
            let Some(connection) = self.connections.get_mut(who).and_then(Option::as_mut) else { continue };
            let over = flags.intersects(epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR);
            let mut outcome = Ok(());
            if over || flags.contains(epoll::EventFlags::IN) {
                let now_ns = self.clock.now_ns();
                outcome =
                    connection.read(&mut self.scratch, over, |packet, out| handler.packet(who, now_ns, packet, out));
            }
            if let Err(why) = outcome.and_then(|()| connection.flush()) {
                self.drop_connection(who);
                handler.closed(who, why);
            }
        }
        handler.turned(self);
        Ok(())
    }
}
