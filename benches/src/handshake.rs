//! Opens many sessions: CONNECT, CONNACK, SUBSCRIBE, SUBACK, a bounded number of them at a time.
//!
//! The bound keeps a server with a short accept queue (Mosquitto listens with 100) from dropping SYNs, which would cost a second each.

use std::net::Ipv4Addr;

use anyhow::{Context, bail, ensure};

use crate::connection::{Closed, Connection};
use crate::fleet::{Fleet, Handler};
use crate::target::Target;
use crate::wire::{ConnAck, Packet, write_puback, write_subscribe};

/// Handshakes under way at once.
const AT_ONCE: usize = 48;

/// Give up when no handshake finishes for so long.
const PATIENCE_NS: u64 = 30_000_000_000;

/// One device that is to be opened.
#[derive(Debug, Clone)]
pub struct Device {
    /// MQTT client id.
    pub client_id: String,
    /// MQTT user name.
    pub username: String,
    /// What to subscribe, if anything, at QoS 1 unless told otherwise.
    pub filter: Option<String>,
    /// Maximum QoS of the subscription.
    pub qos: u8,
    /// Loopback address to connect from, so that many connections do not run out of ports.
    pub source: Option<Ipv4Addr>,
}

/// What opening yielded.
#[derive(Debug, Default)]
pub struct Opened {
    /// Index of the first device's connection in the fleet; the others follow.
    pub first: usize,
    /// Every device's CONNACK, in the order of the devices.
    pub connacks: Vec<ConnAck>,
    /// Messages that a resumed session delivered during its handshake (acknowledged and dropped).
    pub leftovers: u64,
}

/// Opens all devices.
///
/// # Errors
/// When the server refuses one of them, closes a connection, or does not answer for 30 s.
pub fn open(fleet: &mut Fleet, target: &Target, devices: &[Device]) -> anyhow::Result<Opened> {
    let mut progress = Progress {
        target,
        devices,
        first: None,
        connacks: vec![None; devices.len()],
        done: 0,
        leftovers: 0,
        failure: None,
    };
    let (mut started, mut done_before) = (0, 0);
    let mut last_progress_ns = fleet.clock().now_ns();
    while progress.done < devices.len() {
        while started < devices.len() && started - progress.done < AT_ONCE {
            let device = &devices[started];
            let mut connection = Connection::start(target.address, device.source, target.mqtt)
                .with_context(|| format!("connection {started}"))?;
            target.connect(&device.client_id, &device.username).write(connection.out());
            let who = fleet.add(connection)?;
            progress.first.get_or_insert(who);
            started += 1;
        }
        fleet.turn(100_000_000, &mut progress)?;
        if let Some(failure) = progress.failure.take() {
            bail!("{failure} (after {} of {} connections)", progress.done, devices.len());
        }
        let now_ns = fleet.clock().now_ns();
        if progress.done > done_before {
            (done_before, last_progress_ns) = (progress.done, now_ns);
        }
        ensure!(
            now_ns - last_progress_ns < PATIENCE_NS,
            "the server at {} stopped answering CONNECT or SUBSCRIBE",
            target.address
        );
    }
    let Progress { first, connacks, leftovers, .. } = progress;
    Ok(Opened { first: first.unwrap_or(0), connacks: connacks.into_iter().flatten().collect(), leftovers })
}

struct Progress<'a> {
    target: &'a Target,
    devices: &'a [Device],
    first: Option<usize>,
    connacks: Vec<Option<ConnAck>>,
    done: usize,
    leftovers: u64,
    failure: Option<String>,
}

impl Progress<'_> {
    /// Position in `devices`; `None` for a connection of an earlier call.
    fn device(&self, who: usize) -> Option<usize> {
        who.checked_sub(self.first?)
    }

    fn fail(&mut self, device: usize, what: &str) {
        let device = &self.devices[device];
        self.failure.get_or_insert_with(|| format!("{} of user {}: {what}", device.client_id, device.username));
    }
}

impl Handler for Progress<'_> {
    fn packet(&mut self, who: usize, _now_ns: u64, packet: Packet<'_>, out: &mut Vec<u8>) {
        if let Packet::Publish(publish) = packet {
            self.leftovers += 1;
            if let Some(packet_id) = publish.packet_id {
                write_puback(out, packet_id);
            }
            return;
        }
        let Some(device) = self.device(who) else { return };
        match packet {
            Packet::ConnAck(connack) if connack.code == 0 => {
                self.connacks[device] = Some(connack);
                match &self.devices[device].filter {
                    Some(filter) => write_subscribe(out, self.target.mqtt, 1, filter, self.devices[device].qos),
                    None => self.done += 1,
                }
            }
            Packet::SubAck(_, code) if code < 0x80 => self.done += 1,
            other => self.fail(device, &format!("refused: {other:?}")),
        }
    }

    fn closed(&mut self, who: usize, why: Closed) {
        match self.device(who) {
            Some(device) => self.fail(device, &why.to_string()),
            None => {
                self.failure.get_or_insert_with(|| format!("an earlier connection: {why}"));
            }
        }
    }
}
