//! What packets mean during a run: who may send the next message, and what has arrived.

use super::PlainSettings;
use crate::connection::Closed;
use crate::fleet::{Fleet, Handler};
use crate::latency::{Latencies, Window};
use crate::stamp::{Stamp, blank_body};
use crate::wire::{Packet, PublishTemplate, write_exactly_once, write_puback};

/// One publisher.
struct Publisher {
    template: PublishTemplate,
    sent: u64,
    /// Acknowledged to the end: PUBACK, PUBCOMP. At QoS 0 everything that was sent.
    acknowledged: u64,
    /// Arrivals at all subscribers.
    arrived: u64,
    next_packet_id: u16,
}

/// The state of a run. Connections: subscribers first, then publishers.
pub(super) struct Traffic {
    qos: u8,
    window_size: u64,
    body: usize,
    subscribers: usize,
    /// Subscribers that get each message.
    copies: u64,
    publishers: Vec<Publisher>,
    pub(super) window: Window,
    /// From publish to arrival.
    pub(super) latency: Latencies,
    pub(super) delivered_in_window: u64,
    pub(super) published_in_window: u64,
    /// Damaged or repeated.
    pub(super) strays: u64,
    pub(super) closed: Vec<String>,
    /// Per subscriber and publisher the next number.
    expected: Vec<Vec<u64>>,
    running: bool,
    /// Publishers that may send again.
    ready: Vec<usize>,
}

impl Traffic {
    pub(super) fn new(settings: &PlainSettings, window: Window) -> Self {
        let (publishers, subscribers) = settings.numbers();
        let body = blank_body(settings.body);
        let publisher = |k: usize| Publisher {
            template: PublishTemplate::at_qos(settings.qos, settings.target.mqtt, &format!("bench/{k}"), &body),
            sent: 0,
            acknowledged: 0,
            arrived: 0,
            next_packet_id: 1,
        };
        let copies = if settings.shape == super::Shape::FanOut { subscribers as u64 } else { 1 };
        Self {
            qos: settings.qos,
            window_size: u64::from(settings.window),
            body: settings.body,
            subscribers,
            copies,
            publishers: (0..publishers).map(publisher).collect(),
            window,
            latency: Latencies::new(window),
            delivered_in_window: 0,
            published_in_window: 0,
            strays: 0,
            closed: Vec::new(),
            expected: vec![vec![0; publishers]; subscribers],
            running: true,
            ready: Vec::new(),
        }
    }

    /// Fills every window.
    pub(super) fn start(&mut self, fleet: &mut Fleet) {
        for publisher in 0..self.publishers.len() {
            let who = self.subscribers + publisher;
            let now_ns = fleet.clock().now_ns();
            if let Some(connection) = fleet.connection(who) {
                self.fill(publisher, now_ns, connection.out());
            }
            fleet.flush(who, self);
        }
    }

    /// Nothing new is published.
    pub(super) fn stop(&mut self) {
        self.running = false;
    }

    /// Whether everything was acknowledged and has arrived everywhere.
    pub(super) fn is_settled(&self) -> bool {
        self.publishers.iter().all(|one| one.acknowledged == one.sent && one.arrived == one.sent * self.copies)
    }

    /// Messages published, and copies that are missing.
    pub(super) fn totals(&self) -> (u64, u64) {
        let sent = self.publishers.iter().map(|one| one.sent).sum::<u64>();
        let arrived = self.publishers.iter().map(|one| one.arrived).sum::<u64>();
        (sent, (sent * self.copies).saturating_sub(arrived))
    }

    fn fill(&mut self, index: usize, now_ns: u64, out: &mut Vec<u8>) {
        let one = &mut self.publishers[index];
        while self.running && one.sent - one.acknowledged.min(one.arrived / self.copies) < self.window_size {
            let stamp = Stamp { due_ns: now_ns, sender: index as u32, run: 0, number: one.sent };
            one.template.write(out, one.next_packet_id, &stamp.bytes());
            one.next_packet_id = one.next_packet_id % u16::MAX + 1;
            one.sent += 1;
            if self.qos == 0 {
                one.acknowledged += 1;
            }
            self.published_in_window += u64::from(self.window.contains(now_ns));
        }
    }

    fn acknowledged(&mut self, who: usize, now_ns: u64, out: &mut Vec<u8>) {
        let index = who - self.subscribers;
        self.publishers[index].acknowledged += 1;
        self.fill(index, now_ns, out);
    }

    fn arrived(&mut self, who: usize, now_ns: u64, body: &[u8]) {
        let Some(stamp) = Stamp::read(body, self.body) else {
            self.strays += 1;
            return;
        };
        let index = stamp.sender as usize;
        let Some(expected) = self.expected.get_mut(who).and_then(|of| of.get_mut(index)) else {
            self.strays += 1;
            return;
        };
        if stamp.number != *expected {
            self.strays += 1;
        }
        *expected = stamp.number + 1;
        self.publishers[index].arrived += 1;
        self.latency.record(stamp.due_ns, now_ns);
        self.delivered_in_window += u64::from(self.window.contains(now_ns));
        if self.publishers[index].arrived.is_multiple_of(self.copies) {
            self.ready.push(index);
        }
    }
}

impl Handler for Traffic {
    fn packet(&mut self, who: usize, now_ns: u64, packet: Packet<'_>, out: &mut Vec<u8>) {
        match packet {
            Packet::PubAck(_, code) | Packet::PubRec(_, code) if code >= 0x80 => {
                self.closed.push(format!("connection {who}: refused with {code:#04x}"));
            }
            Packet::PubAck(..) | Packet::PubComp(_) => self.acknowledged(who, now_ns, out),
            Packet::PubRec(packet_id, _) => write_exactly_once(out, 6, packet_id),
            Packet::PubRel(packet_id) => write_exactly_once(out, 7, packet_id),
            Packet::Publish(publish) => {
                match publish.packet_id {
                    Some(packet_id) if publish.exactly_once => write_exactly_once(out, 5, packet_id),
                    Some(packet_id) => write_puback(out, packet_id),
                    None => {}
                }
                self.arrived(who, now_ns, publish.body);
            }
            Packet::PingResp => {}
            Packet::Disconnect(_) | Packet::ConnAck(_) | Packet::SubAck(..) => {
                self.closed.push(format!("connection {who}: {packet:?}"));
            }
        }
    }

    fn turned(&mut self, fleet: &mut Fleet) {
        let now_ns = fleet.clock().now_ns();
        while let Some(index) = self.ready.pop() {
            let who = self.subscribers + index;
            if let Some(connection) = fleet.connection(who) {
                self.fill(index, now_ns, connection.out());
                fleet.flush(who, self);
            }
        }
    }

    fn closed(&mut self, who: usize, why: Closed) {
        self.closed.push(format!("connection {who}: {why}"));
    }
}
