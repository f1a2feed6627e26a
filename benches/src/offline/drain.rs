//! The receiver's part: it comes back and takes what it is owed, without a SUBSCRIBE, because its session remembers.

use anyhow::bail;

use super::report::{RssSampler, RssSamples};
use super::{OfflineSettings, RECEIVER, SENDER};
use crate::clock::Clock;
use crate::connection::{Closed, Connection};
use crate::fleet::{Fleet, Handler};
use crate::ledger::Ledger;
use crate::stamp::Stamp;
use crate::topics;
use crate::wire::{Packet, write_disconnect, write_puback};

/// After the last expected message, how long to listen for one that should not come.
const LINGER_NS: u64 = 1_000_000_000;

/// What receiving took.
pub(super) struct Draining {
    /// From CONNECT to the last arrival.
    pub(super) seconds: f64,
    pub(super) arrivals: u64,
    pub(super) session_present: bool,
    pub(super) leftovers: u64,
    pub(super) rss: RssSamples,
}

/// Connects the receiver, takes messages until `expected` of this run have come, listens a little longer, and leaves.
pub(super) fn receive_all(
    clock: Clock,
    settings: &OfflineSettings,
    run_id: u32,
    ledger: &mut Ledger,
    expected: u64,
) -> anyhow::Result<Draining> {
    let mut fleet = Fleet::new(clock)?;
    let device = super::receiver(false);
    let mut connection = Connection::start(settings.target.address, None, settings.target.mqtt)?;
    settings.target.connect(&device.client_id, &device.username).write(connection.out());
    fleet.add(connection)?;
    let start_ns = clock.now_ns();
    let mut receiving = Receiving {
        ledger,
        run_id,
        body: settings.body,
        topic: topics::delivered_topic(SENDER, RECEIVER),
        session_present: None,
        arrivals: 0,
        last_arrival_ns: start_ns,
        leftovers: 0,
        over: None,
    };
    let mut sampler = RssSampler::new(clock, settings.target.server_pid);
    loop {
        fleet.turn(50_000_000, &mut receiving)?;
        sampler.sample();
        if let Some(why) = &receiving.over {
            bail!("the receiver's connection ended after {} messages: {why}", receiving.arrivals);
        }
        let quiet_ns = clock.now_ns().saturating_sub(receiving.last_arrival_ns);
        let complete = receiving.session_present.is_some() && receiving.arrivals >= expected;
        if quiet_ns > if complete { LINGER_NS } else { (settings.quiet * 1e9) as u64 } {
            break;
        }
    }
    let Some(session_present) = receiving.session_present else { bail!("the receiver got no CONNACK") };
    let Receiving { arrivals, last_arrival_ns, leftovers, .. } = receiving;
    leave(&mut fleet)?;
    Ok(Draining {
        seconds: (last_arrival_ns - start_ns) as f64 / 1e9,
        arrivals,
        session_present,
        leftovers,
        rss: sampler.finish(),
    })
}

/// Sends DISCONNECT on connection 0 and waits until the server has closed it, so that acknowledgements before it were taken.
pub(super) fn leave(fleet: &mut Fleet) -> anyhow::Result<()> {
    let mut gone = Gone(false);
    if let Some(connection) = fleet.connection(0) {
        write_disconnect(connection.out());
    }
    fleet.flush(0, &mut gone);
    let end_ns = fleet.clock().now_ns() + 5_000_000_000;
    while !gone.0 && fleet.clock().now_ns() < end_ns {
        fleet.turn(50_000_000, &mut gone)?;
    }
    Ok(())
}

struct Gone(bool);

impl Handler for Gone {
    fn packet(&mut self, _who: usize, _now_ns: u64, _packet: Packet<'_>, _out: &mut Vec<u8>) {}

    fn closed(&mut self, _who: usize, _why: Closed) {
        self.0 = true;
    }
}

struct Receiving<'a> {
    ledger: &'a mut Ledger,
    run_id: u32,
    body: usize,
    topic: String,
    session_present: Option<bool>,
    arrivals: u64,
    last_arrival_ns: u64,
    leftovers: u64,
    over: Option<String>,
}

impl Handler for Receiving<'_> {
    fn packet(&mut self, _who: usize, now_ns: u64, packet: Packet<'_>, out: &mut Vec<u8>) {
        match packet {
            Packet::ConnAck(connack) if connack.code == 0 => {
                self.session_present = Some(connack.session_present);
                self.last_arrival_ns = now_ns;
            }
            Packet::Publish(publish) => {
                if let Some(packet_id) = publish.packet_id {
                    write_puback(out, packet_id);
                }
                match Stamp::read(publish.body, self.body) {
                    Some(stamp) if stamp.run != self.run_id => {
                        self.leftovers += 1;
                        return;
                    }
                    Some(stamp) if stamp.sender == SENDER as u32 && publish.topic == self.topic.as_bytes() => {
                        self.ledger.arrive(stamp.number);
                    }
                    _ => self.ledger.stray(),
                }
                self.arrivals += 1;
                self.last_arrival_ns = now_ns;
            }
            Packet::PingResp => {}
            other => self.over = Some(format!("{other:?}")),
        }
    }

    fn closed(&mut self, _who: usize, why: Closed) {
        self.over.get_or_insert_with(|| why.to_string());
    }
}
