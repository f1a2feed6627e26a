//! The sender's part: all messages, a fixed number of them unanswered at a time.

use std::collections::{BTreeSet, VecDeque};

use anyhow::bail;

use super::report::{RssSampler, RssSamples};
use super::{OfflineSettings, RECEIVER, SENDER};
use crate::clock::Clock;
use crate::connection::Closed;
use crate::fleet::{Fleet, Handler};
use crate::handshake::{self, Device};
use crate::ledger::Ledger;
use crate::stamp::{Stamp, blank_body};
use crate::topics;
use crate::wire::{Packet, PublishTemplate, write_puback};

/// What sending took.
pub(super) struct Arriving {
    pub(super) seconds: f64,
    pub(super) unanswered: BTreeSet<u64>,
    pub(super) rss: RssSamples,
}

/// Sends all messages and waits for their PUBACKs.
pub(super) fn send_all(
    clock: Clock,
    settings: &OfflineSettings,
    run_id: u32,
    ledger: &mut Ledger,
) -> anyhow::Result<Arriving> {
    let mut fleet = Fleet::new(clock)?;
    let device = Device {
        client_id: "u-sender-laptop".to_owned(),
        username: topics::user(SENDER),
        filter: None,
        source: None,
        qos: 1,
    };
    let opened = handshake::open(&mut fleet, &settings.target, std::slice::from_ref(&device))?;
    let room = opened.connacks.first().map_or(u16::MAX, |connack| connack.receive_maximum).min(settings.window);
    let topic = settings.target.topics.publish_topic(SENDER, RECEIVER);
    let mut sending = Sending {
        template: PublishTemplate::new(settings.target.mqtt, &topic, &blank_body(settings.body)),
        ledger,
        run_id,
        left: settings.messages,
        unanswered: VecDeque::new(),
        packet_id: 0,
        answered: 0,
        over: None,
    };
    let start_ns = clock.now_ns();
    if let Some(connection) = fleet.connection(opened.first) {
        for _ in 0..room {
            sending.next(start_ns, connection.out());
        }
    }
    fleet.flush(opened.first, &mut sending);
    let mut sampler = RssSampler::new(clock, settings.target.server_pid);
    let (mut answered, mut last_answer_ns) = (0, start_ns);
    while sending.answered < settings.messages {
        fleet.turn(50_000_000, &mut sending)?;
        sampler.sample();
        if let Some(why) = &sending.over {
            bail!("the sender's connection ended after {} messages: {why}", sending.answered);
        }
        let now_ns = clock.now_ns();
        if sending.answered > answered {
            (answered, last_answer_ns) = (sending.answered, now_ns);
        } else if (now_ns - last_answer_ns) as f64 / 1e9 > settings.quiet {
            break;
        }
    }
    let seconds = (clock.now_ns() - start_ns) as f64 / 1e9;
    let unanswered = sending.unanswered.iter().map(|(_, number)| *number).collect();
    super::drain::leave(&mut fleet)?;
    Ok(Arriving { seconds, unanswered, rss: sampler.finish() })
}

struct Sending<'a> {
    template: PublishTemplate,
    ledger: &'a mut Ledger,
    run_id: u32,
    left: u64,
    unanswered: VecDeque<(u16, u64)>,
    packet_id: u16,
    answered: u64,
    over: Option<String>,
}

impl Sending<'_> {
    fn next(&mut self, now_ns: u64, out: &mut Vec<u8>) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
        let number = self.ledger.send();
        let stamp = Stamp { due_ns: now_ns, sender: SENDER as u32, run: self.run_id, number };
        self.template.write(out, self.packet_id, &stamp.bytes());
        self.unanswered.push_back((self.packet_id, number));
    }
}

impl Handler for Sending<'_> {
    fn packet(&mut self, _who: usize, now_ns: u64, packet: Packet<'_>, out: &mut Vec<u8>) {
        match packet {
            Packet::PubAck(packet_id, code) => {
                let at = self.unanswered.iter().position(|(waiting, _)| *waiting == packet_id);
                let Some((_, number)) = at.and_then(|at| self.unanswered.remove(at)) else { return };
                if code < 0x80 {
                    self.ledger.acknowledge();
                } else {
                    self.ledger.refuse(number);
                }
                self.answered += 1;
                self.next(now_ns, out);
            }
            Packet::Publish(publish) => {
                if let Some(packet_id) = publish.packet_id {
                    write_puback(out, packet_id);
                }
            }
            Packet::PingResp => {}
            other => self.over = Some(format!("{other:?}")),
        }
    }

    fn closed(&mut self, _who: usize, why: Closed) {
        self.over.get_or_insert_with(|| why.to_string());
    }
}
