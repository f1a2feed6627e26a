//! One generator thread: opens its share of the pairs, drives them through the phases and sums up.

use super::settings::PairsSettings;
use super::stream::Stream;
use super::traffic::Traffic;
use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::handshake::{self, Device, Opened};
use crate::latency::{Latencies, Schedule, Window};
use crate::ledger::Verdict;
use crate::stamp::blank_body;
use crate::topics;
use crate::wire::PublishTemplate;

/// The longest wait for packets, so that phases change on time.
const TURN_NS: u64 = 20_000_000;

/// After everything has settled, how long to listen for something that should not come.
const LINGER_NS: u64 = 300_000_000;

/// One worker's share of a run.
pub(super) struct Part<'a> {
    pub(super) settings: &'a PairsSettings,
    pub(super) clock: Clock,
    pub(super) run_id: u32,
    pub(super) thread: usize,
}

/// What one worker found.
pub(super) struct WorkerOutcome {
    pub(super) verdict: Verdict,
    pub(super) send_to_ack: Latencies,
    pub(super) send_to_deliver: Latencies,
    /// Open loop: how late the generator itself was to handle what was due.
    pub(super) lateness: Latencies,
    pub(super) acknowledged_in_window: u64,
    pub(super) delivered_in_window: u64,
    pub(super) wrong_pubacks: u64,
    /// Due, but never written, because the window stayed full until the end.
    pub(super) unsent: u64,
    pub(super) leftovers: u64,
    pub(super) closed: Vec<String>,
}

impl Part<'_> {
    /// This worker's connections: whole pairs.
    fn range(&self) -> std::ops::Range<usize> {
        let pairs = self.settings.connections / 2;
        let start = |thread| 2 * (pairs * thread / self.settings.threads);
        start(self.thread)..start(self.thread + 1)
    }

    /// Opens and subscribes all connections of this worker.
    pub(super) fn open(&self) -> anyhow::Result<(Fleet, Opened)> {
        let mut fleet = Fleet::new(self.clock)?;
        let devices: Vec<Device> = self
            .range()
            .map(|index| Device {
                client_id: format!("{}-phone", topics::user(index)),
                username: topics::user(index),
                filter: Some(topics::filter(index)),
                source: None,
                qos: 1,
            })
            .collect();
        let opened = handshake::open(&mut fleet, &self.settings.target, &devices)?;
        Ok((fleet, opened))
    }

    /// Runs warm-up, measured phase and the rest; time starts at `start_ns`.
    pub(super) fn drive(
        &self,
        (mut fleet, opened): (Fleet, Opened),
        (start_ns, window): (u64, Window),
    ) -> anyhow::Result<WorkerOutcome> {
        let mut traffic = self.traffic(&opened, window);
        let mut lateness = Latencies::new(window);
        self.clock.sleep_until(start_ns);
        match self.settings.rate {
            None => self.closed_loop(&mut fleet, &mut traffic)?,
            Some(rate) => self.open_loop(&mut fleet, &mut traffic, start_ns, rate, &mut lateness)?,
        }
        self.drain(&mut fleet, &mut traffic)?;
        Ok(self.sum_up(traffic, lateness))
    }

    fn traffic(&self, opened: &Opened, window: Window) -> Traffic {
        let settings = self.settings;
        let offset = self.range().start;
        let body = blank_body(settings.body);
        let stream = |who: usize| {
            let (from, to) = (offset + who, (offset + who) ^ 1);
            let template =
                PublishTemplate::new(settings.target.mqtt, &settings.target.topics.publish_topic(from, to), &body);
            let room = settings.window().min(opened.connacks[who].receive_maximum);
            Stream::new(template, &topics::delivered_topic(from, to), room)
        };
        Traffic {
            streams: (0..opened.connacks.len()).map(stream).collect(),
            window,
            send_to_ack: Latencies::new(window),
            send_to_deliver: Latencies::new(window),
            acknowledged_in_window: 0,
            delivered_in_window: 0,
            leftovers: opened.leftovers,
            refill: false,
            last_arrival_ns: 0,
            closed: Vec::new(),
            body: settings.body,
            run_id: self.run_id,
            offset,
        }
    }

    fn senders(&self, traffic: &Traffic) -> Vec<usize> {
        (0..traffic.streams.len()).filter(|who| !self.settings.one_way || who % 2 == 0).collect()
    }

    fn closed_loop(&self, fleet: &mut Fleet, traffic: &mut Traffic) -> anyhow::Result<()> {
        traffic.refill = true;
        for who in self.senders(traffic) {
            traffic.fill(fleet, who);
        }
        while self.clock.now_ns() < traffic.window.to_ns {
            fleet.turn(TURN_NS, traffic)?;
        }
        traffic.refill = false;
        Ok(())
    }

    fn open_loop(
        &self,
        fleet: &mut Fleet,
        traffic: &mut Traffic,
        start_ns: u64,
        rate: f64,
        lateness: &mut Latencies,
    ) -> anyhow::Result<()> {
        let senders = self.senders(traffic);
        let share = rate * senders.len() as f64 / self.settings.senders() as f64;
        let schedule = Schedule::new(start_ns, share);
        let mut flushes = Vec::with_capacity(senders.len());
        let mut next = 0;
        loop {
            let now_ns = self.clock.now_ns();
            while schedule.due_ns(next) <= now_ns && schedule.due_ns(next) < traffic.window.to_ns {
                let who = senders[(next % senders.len() as u64) as usize];
                let due_ns = schedule.due_ns(next);
                lateness.record(due_ns, now_ns);
                if traffic.due(fleet, who, due_ns) {
                    flushes.push(who);
                }
                next += 1;
            }
            for who in flushes.drain(..) {
                fleet.flush(who, traffic);
            }
            if now_ns >= traffic.window.to_ns {
                return Ok(());
            }
            let wait_ns = schedule.wait_ns(next, self.clock.now_ns()).unwrap_or(0);
            fleet.turn(wait_ns.min(TURN_NS), traffic)?;
        }
    }

    /// Waits until everything is answered and delivered, or until nothing more comes.
    fn drain(&self, fleet: &mut Fleet, traffic: &mut Traffic) -> anyhow::Result<()> {
        let start_ns = self.clock.now_ns();
        let (quiet_ns, most_ns) = (super::nanoseconds(self.settings.quiet), super::nanoseconds(self.settings.drain));
        loop {
            let now_ns = self.clock.now_ns();
            let quiet = now_ns.saturating_sub(traffic.last_arrival_ns.max(start_ns));
            if traffic.is_settled() || quiet >= quiet_ns || now_ns - start_ns >= most_ns {
                break;
            }
            fleet.turn(TURN_NS, traffic)?;
        }
        let end_ns = self.clock.now_ns() + LINGER_NS;
        while self.clock.now_ns() < end_ns {
            fleet.turn(TURN_NS, traffic)?;
        }
        Ok(())
    }

    fn sum_up(&self, mut traffic: Traffic, lateness: Latencies) -> WorkerOutcome {
        let end_ns = self.clock.now_ns();
        let mut verdict = Verdict::default();
        let (mut wrong_pubacks, mut unsent) = (0, 0);
        for stream in &traffic.streams {
            verdict.add(&stream.close());
            wrong_pubacks += stream.wrong_pubacks;
            unsent += stream.waiting.len() as u64;
            // What never got an answer waited at least until now: leaving it out would flatter an overloaded server.
            for due_ns in stream.open_dues() {
                traffic.send_to_ack.record(due_ns, end_ns);
            }
            for due_ns in &stream.waiting {
                traffic.send_to_deliver.record(*due_ns, end_ns);
            }
        }
        WorkerOutcome {
            verdict,
            send_to_ack: traffic.send_to_ack,
            send_to_deliver: traffic.send_to_deliver,
            lateness,
            acknowledged_in_window: traffic.acknowledged_in_window,
            delivered_in_window: traffic.delivered_in_window,
            wrong_pubacks,
            unsent,
            leftovers: traffic.leftovers,
            closed: traffic.closed,
        }
    }
}
