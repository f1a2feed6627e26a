//! Members who are connected, and the owner who sends: counts what arrives and how late.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};

use super::members::{OWNER, member};
use crate::clock::Clock;
use crate::cluster::devices::target;
use crate::connection::Closed;
use crate::fleet::{Fleet, Handler};
use crate::handshake::{self, Device};
use crate::latency::{Latencies, LatencySummary, Schedule, Window};
use crate::stamp::{STAMP_BYTES, Stamp, blank_body};
use crate::wire::{Packet, PublishTemplate, Version, write_puback};

const BODY: usize = 200;
const TURN_NS: u64 = 20_000_000;
/// What has not arrived after so long counts as missing.
const PATIENCE_NS: u64 = 10_000_000_000;

/// Reading a channel's earlier entries, on all devices, may take so long.
const CATCH_UP_NS: u64 = 900_000_000_000;

/// All connections of one phase.
pub(super) struct Audience {
    fleet: Fleet,
    owner: usize,
    connected: usize,
    template: PublishTemplate,
    ears: Ears,
}

/// What a phase heard.
pub(super) struct Heard {
    pub(super) ack: LatencySummary,
    pub(super) deliver: LatencySummary,
    /// Deliveries within the measured phase.
    pub(super) delivered: u64,
    pub(super) missing: u64,
}

impl Audience {
    /// Member k connects to server k modulo their number, the owner to the first.
    pub(super) fn connect(servers: &[SocketAddr], channel: &str, connected: usize) -> anyhow::Result<Self> {
        let clock = Clock::start();
        let mut fleet = Fleet::new(clock)?;
        for (at, server) in servers.iter().enumerate() {
            let devices: Vec<Device> = (at..connected)
                .step_by(servers.len())
                .map(|n| Device {
                    client_id: format!("{}-{channel}", member(n)),
                    username: member(n),
                    filter: Some(format!("u/{}/c/{channel}/raw", member(n))),
                    source: None,
                    qos: 1,
                })
                .collect();
            handshake::open(&mut fleet, &target(*server, true), &devices)?;
        }
        let device =
            Device { client_id: "sender".to_owned(), username: OWNER.to_owned(), filter: None, source: None, qos: 1 };
        let owner = handshake::open(&mut fleet, &target(servers[0], true), &[device])?.first;
        let template = PublishTemplate::new(Version::V5, &format!("u/{OWNER}/c/{channel}/raw"), &blank_body(BODY));
        let ears = Ears::new(owner, Window { from_ns: 0, to_ns: 0 });
        let mut audience = Self { fleet, owner, connected, template, ears };
        audience.catch_up()?;
        Ok(audience)
    }

    /// Waits until every member has read what the channel held before: it gets a first message after all of that.
    fn catch_up(&mut self) -> anyhow::Result<()> {
        let now_ns = self.fleet.clock().now_ns();
        self.publish(now_ns)?;
        while self.ears.heard < self.connected as u64 {
            ensure!(self.fleet.clock().now_ns() < now_ns + CATCH_UP_NS, "not all members have read what was before");
            self.turn(TURN_NS)?;
        }
        Ok(())
    }

    /// Only listens.
    pub(super) fn listen(&mut self, seconds: f64) -> anyhow::Result<()> {
        let until_ns = self.fleet.clock().now_ns() + (seconds * 1e9) as u64;
        while self.fleet.clock().now_ns() < until_ns {
            self.turn(TURN_NS)?;
        }
        Ok(())
    }

    /// Sends at a fixed rate; `note` is called when the measured phase starts and when it ends.
    pub(super) fn send(
        &mut self,
        rate: f64,
        warm_up: f64,
        measure: f64,
        mut note: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Heard> {
        let start_ns = self.fleet.clock().now_ns();
        let schedule = Schedule::new(start_ns, rate);
        let from_ns = start_ns + (warm_up * 1e9) as u64;
        let window = Window { from_ns, to_ns: from_ns + (measure * 1e9) as u64 };
        self.ears = Ears::new(self.owner, window);
        let mut noted = 0;
        loop {
            let now_ns = self.fleet.clock().now_ns();
            if noted == 0 && now_ns >= window.from_ns {
                note()?;
                noted = 1;
            }
            if now_ns >= window.to_ns {
                break;
            }
            while schedule.due_ns(self.ears.sent) <= now_ns {
                self.publish(schedule.due_ns(self.ears.sent))?;
            }
            let wait_ns = schedule.wait_ns(self.ears.sent, self.fleet.clock().now_ns()).unwrap_or(0);
            self.turn(wait_ns.min(TURN_NS))?;
        }
        note()?;
        let (expected, end_ns) = (self.ears.sent * self.connected as u64, self.fleet.clock().now_ns() + PATIENCE_NS);
        while self.ears.heard < expected && self.fleet.clock().now_ns() < end_ns {
            self.turn(TURN_NS)?;
        }
        let ears = &self.ears;
        Ok(Heard {
            ack: ears.ack.summary(),
            deliver: ears.deliver.summary(),
            delivered: ears.in_window,
            missing: expected.saturating_sub(ears.heard),
        })
    }

    fn publish(&mut self, due_ns: u64) -> anyhow::Result<()> {
        let ears = &mut self.ears;
        let stamp = Stamp { due_ns, sender: 0, run: ears.run, number: ears.sent };
        // Fewer than 65,535 are ever under way.
        let packet_id = (ears.sent % 65_535) as u16 + 1;
        ears.sent += 1;
        ears.open.push_back((packet_id, due_ns));
        let connection = self.fleet.connection(self.owner).context("the sender's connection has gone")?;
        self.template.write(connection.out(), packet_id, &stamp.bytes());
        self.fleet.flush(self.owner, &mut self.ears);
        Ok(())
    }

    fn turn(&mut self, wait_ns: u64) -> anyhow::Result<()> {
        self.fleet.turn(wait_ns, &mut self.ears)?;
        match &self.ears.over {
            Some(why) => bail!("{why}"),
            None => Ok(()),
        }
    }
}

struct Ears {
    owner: usize,
    run: u32,
    window: Window,
    sent: u64,
    open: std::collections::VecDeque<(u16, u64)>,
    ack: Latencies,
    deliver: Latencies,
    heard: u64,
    in_window: u64,
    over: Option<String>,
}

impl Ears {
    fn new(owner: usize, window: Window) -> Self {
        let run = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |at| at.subsec_nanos());
        Self {
            owner,
            run,
            window,
            sent: 0,
            open: std::collections::VecDeque::new(),
            ack: Latencies::new(window),
            deliver: Latencies::new(window),
            heard: 0,
            in_window: 0,
            over: None,
        }
    }
}

impl Handler for Ears {
    fn packet(&mut self, who: usize, now_ns: u64, packet: Packet<'_>, out: &mut Vec<u8>) {
        match packet {
            Packet::Publish(publish) => {
                if let Some(packet_id) = publish.packet_id {
                    write_puback(out, packet_id);
                }
                debug_assert!(publish.body.len() >= STAMP_BYTES);
                if let Some(stamp) = Stamp::read(publish.body, BODY).filter(|stamp| stamp.run == self.run) {
                    self.heard += 1;
                    self.in_window += u64::from(self.window.contains(now_ns));
                    self.deliver.record(stamp.due_ns, now_ns);
                }
            }
            Packet::PubAck(packet_id, 0) if who == self.owner => {
                if let Some((_, due_ns)) = self.open.pop_front().filter(|(id, _)| *id == packet_id) {
                    self.ack.record(due_ns, now_ns);
                }
            }
            Packet::PingResp => {}
            other => self.over = Some(format!("connection {who}: unexpected {other:?}")),
        }
    }

    fn closed(&mut self, who: usize, why: Closed) {
        self.over.get_or_insert_with(|| format!("connection {who}: {why}"));
    }
}
