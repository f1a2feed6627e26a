//! One turn of a connection's task: what has arrived in the mailbox, then what the outlet owes, then what the socket has, then one
//! flush, so that a burst of receipts is one write.
//!
//! While more than `write_buffer_bytes` wait for the peer, nothing is read and nothing is taken, which is all the back pressure there is.

use std::mem;
use std::task::{Context, Poll};

use bytes::BytesMut;
use longwave_port::Answer;
use tracing::{debug, info};

use super::buffers;
use super::ending::OpenFeed;
use super::pending::{self, Came};
use super::task::{Connection, Work};
use crate::bans;
use crate::codec::packet::Version;
use crate::codec::{self, DecodeError, Decoder};
use crate::session::{Event, OpenedSession};

impl Connection {
    /// One turn. True when there may be more to do at once.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>, work: &mut Work) -> bool {
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
                Answer::Unknown | Answer::Moved => work.tally.unknown += 1,
            }
            self.handle_event(Event::Answered { ticket, answer }, work);
        }
        if arrived.deadline_passed {
            self.handle_event(Event::Tick, work);
        }
        if arrived.look_at_bans && self.is_banned() {
            self.handle_event(Event::Close(bans::refusal()), work);
        }
        if let Some(refusal) = arrived.close {
            self.handle_event(Event::Close(*refusal), work);
        }
        true
    }

    /// Whether its address is banned.
    fn is_banned(&self) -> bool {
        let broker = &self.seat.broker;
        self.wire.client().is_some_and(|client| broker.bans.address(client, broker.clock.now().unix))
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>, work: &mut Work) -> bool {
        let outlet = self.feed.as_ref().map(|feed| &feed.outlet);
        let Poll::Ready(came) = pending::poll(&mut self.pending, cx, &self.seat.broker, &self.handle, outlet) else {
            return false;
        };
        let event = match came {
            Came::Event(event) => event,
            Came::Opened(claim, opened) => {
                debug!(user = %opened.sender.user, device = %opened.sender.device, present = opened.session_present, "session opened");
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
                    let peer = self.wire.client().map(tracing::field::display);
                    let transport = self.seat.transport().name();
                    if error.reason == DecodeError::UNSUPPORTED_VERSION {
                        info!(reason = error.text, peer, transport, "protocol version refused");
                    } else {
                        debug!(%error, peer, transport, "packet not decoded");
                    }
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
}
