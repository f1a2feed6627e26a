//! A few devices on any number of servers, driven step by step: publish, then wait for what arrives.
//!
//! Everything that arrives is acknowledged at once and copied, which a load of thousands of messages per second could not afford; the
//! figures that use this are about latency at low rates.

use std::collections::VecDeque;
use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};

use crate::clock::Clock;
use crate::connection::Closed;
use crate::fleet::{Fleet, Handler};
use crate::handshake::{self, Device};
use crate::target::Target;
use crate::topics::TopicScheme;
use crate::wire::{Packet, Version, write_puback, write_publish, write_subscribe};

/// How long one answer may take.
const PATIENCE_NS: u64 = 30_000_000_000;

/// Something that arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) who: usize,
    pub(super) at_ns: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// PUBACK with its reason code.
    Ack(u16, u8),
    /// SUBACK with its reason code.
    Subscribed(u8),
    /// PUBLISH.
    Publish { topic: String, body: Vec<u8> },
}

/// The devices.
pub(super) struct Devices {
    fleet: Fleet,
    arrived: Inbox,
    packet_id: u16,
}

impl Devices {
    pub(super) fn new(clock: Clock) -> anyhow::Result<Self> {
        Ok(Self { fleet: Fleet::new(clock)?, arrived: Inbox::default(), packet_id: 0 })
    }

    pub(super) fn clock(&self) -> Clock {
        self.fleet.clock()
    }

    /// Connects a device with a durable session and subscribes.
    pub(super) fn connect(&mut self, server: SocketAddr, user: &str, filters: &[&str]) -> anyhow::Result<usize> {
        self.connect_as(server, user, &format!("{user}-phone"), filters)
    }

    /// The same with a client id of its own: a user's further device.
    pub(super) fn connect_as(
        &mut self,
        server: SocketAddr,
        user: &str,
        client_id: &str,
        filters: &[&str],
    ) -> anyhow::Result<usize> {
        let device = Device {
            client_id: client_id.to_owned(),
            username: user.to_owned(),
            filter: filters.first().map(|filter| (*filter).to_owned()),
            source: None,
            qos: 1,
        };
        let who = handshake::open(&mut self.fleet, &target(server, true), &[device])?.first;
        for filter in filters.iter().skip(1) {
            let packet_id = self.next_packet_id();
            let connection = self.fleet.connection(who).context("the connection has gone")?;
            write_subscribe(connection.out(), Version::V5, packet_id, filter, 1);
            self.fleet.flush(who, &mut self.arrived);
            self.wait(|arrived| match (&arrived.what, arrived.who == who) {
                (What::Subscribed(code), true) => Some(*code),
                _ => None,
            })
            .and_then(|code| {
                ensure!(code < 0x80, "subscribing {filter}: {code:#04x}");
                Ok(())
            })?;
        }
        Ok(who)
    }

    /// Publishes at QoS 1, or at QoS 0 without an acknowledgement; returns the packet id and the moment.
    pub(super) fn publish(&mut self, who: usize, topic: &str, qos1: bool, body: &[u8]) -> anyhow::Result<(u16, u64)> {
        let packet_id = self.next_packet_id();
        let at_ns = self.clock().now_ns();
        let connection = self.fleet.connection(who).context("the connection has gone")?;
        write_publish(connection.out(), Version::V5, topic, qos1.then_some(packet_id), body);
        self.fleet.flush(who, &mut self.arrived);
        Ok((packet_id, at_ns))
    }

    /// The next thing that arrives before `until_ns`.
    pub(super) fn next(&mut self, until_ns: u64) -> anyhow::Result<Option<Arrived>> {
        loop {
            if let Some(first) = self.arrived.queue.pop_front() {
                return Ok(Some(first));
            }
            if let Some(why) = &self.arrived.over {
                bail!("a connection has ended: {why}");
            }
            let now_ns = self.clock().now_ns();
            if now_ns >= until_ns {
                return Ok(None);
            }
            self.fleet.turn(until_ns - now_ns, &mut self.arrived)?;
        }
    }

    /// The next thing that arrives on one connection before `until_ns`; what the others get, and that they end, is dropped.
    pub(super) fn next_of(&mut self, who: usize, until_ns: u64) -> anyhow::Result<Option<Arrived>> {
        loop {
            if let Some(first) = self.arrived.queue.pop_front() {
                if first.who == who {
                    return Ok(Some(first));
                }
                continue;
            }
            self.arrived.over = None;
            let now_ns = self.clock().now_ns();
            if now_ns >= until_ns {
                return Ok(None);
            }
            ensure!(self.fleet.connection(who).is_some(), "connection {who} has ended");
            self.fleet.turn(until_ns - now_ns, &mut self.arrived)?;
        }
    }

    /// Closes a connection without a word.
    pub(super) fn drop_connection(&mut self, who: usize) {
        self.fleet.drop_connection(who);
    }

    /// Drops everything until something matches.
    pub(super) fn wait<T>(&mut self, mut matches: impl FnMut(&Arrived) -> Option<T>) -> anyhow::Result<T> {
        let until_ns = self.clock().now_ns() + PATIENCE_NS;
        while let Some(arrived) = self.next(until_ns)? {
            if let Some(found) = matches(&arrived) {
                return Ok(found);
            }
        }
        bail!("no answer within {} s", PATIENCE_NS / 1_000_000_000)
    }

    /// Asks by JSON-RPC and returns the whole response with the moment of asking and of its arrival.
    pub(super) fn ask(&mut self, who: usize, user: &str, request: &str) -> anyhow::Result<(String, u64, u64)> {
        let topic = format!("u/{user}/rpc/json");
        let (_, asked_ns) = self.publish(who, &topic, true, request.as_bytes())?;
        let (body, at_ns) = self.wait(|arrived| match &arrived.what {
            What::Publish { topic: at, body } if *at == topic => Some((body.clone(), arrived.at_ns)),
            _ => None,
        })?;
        let text = String::from_utf8(body)?;
        ensure!(!text.contains("\"error\""), "{request}: {text}");
        Ok((text, asked_ns, at_ns))
    }

    fn next_packet_id(&mut self) -> u16 {
        self.packet_id = if self.packet_id == u16::MAX { 1 } else { self.packet_id + 1 };
        self.packet_id
    }
}

/// How devices connect here: MQTT 5.
pub(super) fn target(address: SocketAddr, durable: bool) -> Target {
    Target {
        address,
        topics: TopicScheme::Longwave,
        mqtt: Version::V5,
        durable,
        expiry: 3600,
        keep_alive: 1800,
        receive_maximum: None,
        password: None,
        server_pid: None,
    }
}

#[derive(Debug, Default)]
struct Inbox {
    queue: VecDeque<Arrived>,
    over: Option<String>,
}

impl Handler for Inbox {
    fn packet(&mut self, who: usize, now_ns: u64, packet: Packet<'_>, out: &mut Vec<u8>) {
        let what = match packet {
            Packet::PubAck(packet_id, code) => What::Ack(packet_id, code),
            Packet::SubAck(_, code) => What::Subscribed(code),
            Packet::Publish(publish) => {
                if let Some(packet_id) = publish.packet_id {
                    write_puback(out, packet_id);
                }
                What::Publish {
                    topic: String::from_utf8_lossy(publish.topic).into_owned(),
                    body: publish.body.to_vec(),
                }
            }
            Packet::PingResp => return,
            other => {
                self.over = Some(format!("{other:?}"));
                return;
            }
        };
        self.queue.push_back(Arrived { who, at_ns: now_ns, what });
    }

    fn closed(&mut self, who: usize, why: Closed) {
        self.over.get_or_insert_with(|| format!("connection {who}: {why}"));
    }
}
