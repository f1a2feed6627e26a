//! Devices that publish with a window, each to its conversations in turn, over one set of connections for all rounds.

use std::collections::VecDeque;
use std::net::SocketAddr;

use anyhow::{bail, ensure};

use super::JournalSettings;
use super::conversations::{GROUP, peer, sender};
use crate::clock::Clock;
use crate::cluster::devices::{Devices, target};
use crate::connection::Closed;
use crate::fleet::{Fleet, Handler};
use crate::handshake::{self, Device};
use crate::latency::{Latencies, LatencySummary, Window};
use crate::wire::{Packet, PublishTemplate, Version};

/// Give up when nothing is answered for so long.
const PATIENCE_NS: u64 = 30_000_000_000;
const TURN_NS: u64 = 20_000_000;

/// The devices.
pub(super) struct Sends {
    fleet: Fleet,
    state: State,
}

/// What a measured phase did.
pub(super) struct Sent {
    pub(super) per_second: f64,
    pub(super) latency: LatencySummary,
}

impl Sends {
    /// Connects all devices; in the group figure the first one makes the group.
    pub(super) fn open(server: SocketAddr, settings: &JournalSettings) -> anyhow::Result<Self> {
        let clock = Clock::start();
        if settings.group {
            make_group(clock, server, settings)?;
        }
        let mut fleet = Fleet::new(clock)?;
        let devices: Vec<Device> = (0..settings.devices)
            .map(|n| Device {
                client_id: format!("{}-phone", sender(n)),
                username: sender(n),
                filter: None,
                source: None,
            })
            .collect();
        let opened = handshake::open(&mut fleet, &target(server, true), &devices)?;
        let body = format!("{{\"id\":\"{:016x}\",\"body\":\"{}\"}}", 0, ".".repeat(settings.body));
        let template = |topic: &str| PublishTemplate::new(Version::V5, topic, body.as_bytes());
        let streams = opened.connacks.iter().enumerate().map(|(n, connack)| Stream {
            templates: if settings.group {
                vec![template(&format!("u/{}/c/{GROUP}/json", sender(n)))]
            } else {
                (0..settings.peers).map(|to| template(&format!("u/{}/c/@{}/json", sender(n), peer(n, to)))).collect()
            },
            next: 0,
            left: u64::MAX,
            packet_id: 0,
            window: usize::from(settings.window.min(connack.receive_maximum)),
            unanswered: VecDeque::new(),
        });
        let state = State {
            streams: streams.collect(),
            latencies: Latencies::new(Window { from_ns: 0, to_ns: 0 }),
            window: Window { from_ns: 0, to_ns: 0 },
            answered: 0,
            counted: 0,
            refused: 0,
            number: 0,
            over: None,
        };
        Ok(Self { fleet, state })
    }

    /// One message to every conversation, so that each exists; returns the seconds that it took.
    pub(super) fn begin(&mut self) -> anyhow::Result<f64> {
        let start_ns = self.fleet.clock().now_ns();
        for stream in &mut self.state.streams {
            stream.left = stream.templates.len() as u64;
        }
        self.fill();
        self.drain()?;
        Ok((self.fleet.clock().now_ns() - start_ns) as f64 / 1e9)
    }

    /// Warm-up, measured phase, and the wait for the last answers; `note` hears when the measured phase starts and ends.
    pub(super) fn run(&mut self, settings: &JournalSettings, mut note: impl FnMut(bool)) -> anyhow::Result<Sent> {
        let from_ns = self.fleet.clock().now_ns() + (settings.warm_up * 1e9) as u64;
        let window = Window { from_ns, to_ns: from_ns + (settings.measure * 1e9) as u64 };
        (self.state.window, self.state.latencies, self.state.counted) = (window, Latencies::new(window), 0);
        self.state.streams.iter_mut().for_each(|stream| stream.left = u64::MAX);
        self.fill();
        for (until_ns, at_start) in [(window.from_ns, true), (window.to_ns, false)] {
            while self.fleet.clock().now_ns() < until_ns {
                self.turn()?;
            }
            note(at_start);
        }
        self.state.streams.iter_mut().for_each(|stream| stream.left = 0);
        self.drain()?;
        let state = &self.state;
        Ok(Sent { per_second: state.counted as f64 / window.seconds(), latency: state.latencies.summary() })
    }

    pub(super) fn refused(&self) -> u64 {
        self.state.refused
    }

    fn fill(&mut self) {
        let now_ns = self.fleet.clock().now_ns();
        for who in 0..self.state.streams.len() {
            if let Some(connection) = self.fleet.connection(who) {
                while self.state.send(who, now_ns, connection.out()) {}
            }
            self.fleet.flush(who, &mut self.state);
        }
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        let (mut answered, mut last_ns) = (self.state.answered, self.fleet.clock().now_ns());
        while self.state.streams.iter().any(|stream| !stream.unanswered.is_empty()) {
            self.turn()?;
            let now_ns = self.fleet.clock().now_ns();
            if self.state.answered > answered {
                (answered, last_ns) = (self.state.answered, now_ns);
            }
            ensure!(now_ns - last_ns < PATIENCE_NS, "publishes stay unanswered");
        }
        Ok(())
    }

    fn turn(&mut self) -> anyhow::Result<()> {
        self.fleet.turn(TURN_NS, &mut self.state)?;
        match &self.state.over {
            Some(why) => bail!("{why}"),
            None => Ok(()),
        }
    }
}

fn make_group(clock: Clock, server: SocketAddr, settings: &JournalSettings) -> anyhow::Result<()> {
    let mut devices = Devices::new(clock)?;
    let user = sender(0);
    let who = devices.connect(server, &user, &[&format!("u/{user}/rpc/json")])?;
    let members: Vec<String> = (1..settings.devices).map(|n| format!("\"{}\"", sender(n))).collect();
    let request = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"conversation.create\",\"params\":{{\"conv\":\"{GROUP}\",\"members\":[{}]}}}}",
        members.join(",")
    );
    devices.ask(who, &user, &request)?;
    Ok(())
}

struct Stream {
    templates: Vec<PublishTemplate>,
    next: usize,
    /// Messages that it may still send.
    left: u64,
    packet_id: u16,
    window: usize,
    unanswered: VecDeque<(u16, u64)>,
}

struct State {
    streams: Vec<Stream>,
    latencies: Latencies,
    window: Window,
    answered: u64,
    counted: u64,
    refused: u64,
    /// Of the next message: its id.
    number: u64,
    over: Option<String>,
}

impl State {
    /// Appends the stream's next message, if it may send one.
    fn send(&mut self, who: usize, now_ns: u64, out: &mut Vec<u8>) -> bool {
        let stream = &mut self.streams[who];
        if stream.unanswered.len() >= stream.window || stream.left == 0 {
            return false;
        }
        stream.left -= 1;
        stream.packet_id = if stream.packet_id == u16::MAX { 1 } else { stream.packet_id + 1 };
        self.number += 1;
        let head = format!("{{\"id\":\"{:016x}", self.number);
        stream.templates[stream.next].write(out, stream.packet_id, head.as_bytes());
        stream.next = (stream.next + 1) % stream.templates.len();
        stream.unanswered.push_back((stream.packet_id, now_ns));
        true
    }
}

impl Handler for State {
    fn packet(&mut self, who: usize, now_ns: u64, packet: Packet<'_>, out: &mut Vec<u8>) {
        let Packet::PubAck(packet_id, code) = packet else {
            self.over = Some(format!("device {who}: unexpected {packet:?}"));
            return;
        };
        let Some((_, sent_ns)) = self.streams[who].unanswered.pop_front().filter(|(id, _)| *id == packet_id) else {
            self.over = Some(format!("device {who}: PUBACK {packet_id} out of turn"));
            return;
        };
        self.answered += 1;
        if code >= 0x80 {
            self.refused += 1;
        } else {
            self.latencies.record(sent_ns, now_ns);
            self.counted += u64::from(self.window.contains(now_ns));
        }
        self.send(who, now_ns, out);
    }

    fn closed(&mut self, who: usize, why: Closed) {
        self.over.get_or_insert_with(|| format!("device {who}: {why}"));
    }
}
