//! What packets mean during a run: PUBACKs make room for the next message, PUBLISHes are acknowledged and checked.

use super::stream::Stream;
use crate::connection::Closed;
use crate::fleet::{Fleet, Handler};
use crate::latency::{Latencies, Window};
use crate::ledger::Arrival;
use crate::stamp::Stamp;
use crate::wire::{Packet, write_disconnect, write_puback};

/// State of one worker's streams. Stream `i` is what connection `i` sends; connection `i ^ 1` receives it.
pub(super) struct Traffic {
    pub(super) streams: Vec<Stream>,
    pub(super) window: Window,
    pub(super) send_to_ack: Latencies,
    pub(super) send_to_deliver: Latencies,
    /// PUBACKs and first arrivals within the measured phase.
    pub(super) acknowledged_in_window: u64,
    pub(super) delivered_in_window: u64,
    /// Messages of another run.
    pub(super) leftovers: u64,
    /// Set while every PUBACK is answered with a new message (closed loop).
    pub(super) refill: bool,
    pub(super) last_arrival_ns: u64,
    pub(super) closed: Vec<String>,
    pub(super) body: usize,
    pub(super) run_id: u32,
    /// Index of connection 0 of this worker among all connections.
    pub(super) offset: usize,
}

impl Traffic {
    /// Sends on stream `who` now if its window has room, else later; `true` when bytes wait to be flushed.
    pub(super) fn due(&mut self, fleet: &mut Fleet, who: usize, due_ns: u64) -> bool {
        let sender = self.name(who);
        let stream = &mut self.streams[who];
        match fleet.connection(who) {
            Some(connection) if stream.has_room() && stream.waiting.is_empty() => {
                stream.send(sender, self.run_id, due_ns, connection.out());
                true
            }
            _ => {
                stream.waiting.push_back(due_ns);
                false
            }
        }
    }

    /// Fills the window of a closed-loop sender.
    pub(super) fn fill(&mut self, fleet: &mut Fleet, who: usize) {
        let now_ns = fleet.clock().now_ns();
        let sender = self.name(who);
        let Some(connection) = fleet.connection(who) else { return };
        while self.streams[who].has_room() {
            self.streams[who].send(sender, self.run_id, now_ns, connection.out());
        }
        fleet.flush(who, self);
    }

    /// Whether every message is acknowledged and delivered.
    pub(super) fn is_settled(&self) -> bool {
        self.streams.iter().all(|stream| stream.is_answered() && stream.ledger.has_caught_up())
    }

    fn name(&self, who: usize) -> u32 {
        (self.offset + who) as u32
    }

    fn puback(&mut self, who: usize, now_ns: u64, packet_id: u16, code: u8, out: &mut Vec<u8>) {
        let sender = self.name(who);
        let stream = &mut self.streams[who];
        let Some(answered) = stream.answer(packet_id, code) else { return };
        if code < 0x80 {
            self.send_to_ack.record(answered.due_ns, now_ns);
            self.acknowledged_in_window += u64::from(self.window.contains(now_ns));
        }
        if let Some(due_ns) = stream.waiting.pop_front() {
            stream.send(sender, self.run_id, due_ns, out);
        } else if self.refill {
            stream.send(sender, self.run_id, now_ns, out);
        }
    }

    fn publish(&mut self, who: usize, now_ns: u64, topic: &[u8], body: &[u8]) {
        let partner = who ^ 1;
        let sender = self.name(partner);
        let stream = &mut self.streams[partner];
        let Some(stamp) = Stamp::read(body, self.body) else {
            stream.ledger.stray();
            return;
        };
        if stamp.run != self.run_id {
            self.leftovers += 1;
            return;
        }
        if stamp.sender != sender || *topic != *stream.delivered_topic {
            stream.ledger.stray();
            return;
        }
        if stream.ledger.arrive(stamp.number) != Arrival::Duplicate {
            self.send_to_deliver.record(stamp.due_ns, now_ns);
            self.delivered_in_window += u64::from(self.window.contains(now_ns));
        }
    }
}

impl Handler for Traffic {
    fn packet(&mut self, who: usize, now_ns: u64, packet: Packet<'_>, out: &mut Vec<u8>) {
        self.last_arrival_ns = now_ns;
        match packet {
            Packet::PubAck(packet_id, code) => self.puback(who, now_ns, packet_id, code, out),
            Packet::Publish(publish) => {
                self.publish(who, now_ns, publish.topic, publish.body);
                if let Some(packet_id) = publish.packet_id {
                    write_puback(out, packet_id);
                }
            }
            Packet::Disconnect(code) => {
                self.closed.push(format!("connection {}: DISCONNECT {code:#04x}", self.name(who)))
            }
            Packet::PingResp => {}
            Packet::ConnAck(_) | Packet::SubAck(..) | Packet::PubRec(..) | Packet::PubRel(_) | Packet::PubComp(_) => {
                self.closed.push(format!("connection {}: unexpected {packet:?}", self.name(who)));
                write_disconnect(out);
            }
        }
    }

    fn closed(&mut self, who: usize, why: Closed) {
        self.closed.push(format!("connection {}: {why}", self.name(who)));
    }
}
