//! Plain topics at one QoS, between any numbers of publishers and subscribers; clean sessions.
//!
//! Closed loop by delivery: a publisher has at most `--window` messages under way, from publish to the last arrival (and its own
//! acknowledgement above QoS 0). So QoS 0 is paced too, and no server is made to drop. The topic of publisher `k` is
//! `bench/{k mod topics}`; subscriber `k` has `bench/{k}` when there are as many as publishers, else `bench/+`.

mod report;
mod traffic;

use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::handshake::{self, Device};
use crate::latency::Window;
use crate::process::cpu_seconds;
use crate::stamp::STAMP_BYTES;
use crate::target::Target;
use traffic::Traffic;

pub use report::PlainReport;

/// The longest wait for packets, so that phases change on time.
const TURN_NS: u64 = 20_000_000;

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// As many publishers as subscribers, each pair with a topic of its own.
    Pairs,
    /// Many publishers, one subscriber.
    FanIn,
    /// One publisher, many subscribers.
    FanOut,
}

/// The flags of `longwave-load plain`.
#[derive(Debug, Clone, Args)]
pub struct PlainSettings {
    /// Server; sessions are clean whatever `--durable` says.
    #[command(flatten)]
    pub target: Target,
    /// Who talks to whom.
    #[arg(long, value_enum, default_value = "pairs")]
    pub shape: Shape,
    /// QoS of publishes and subscriptions.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: u8,
    /// Connections on the side that has many.
    #[arg(long, default_value_t = 200)]
    pub many: usize,
    /// Messages that a publisher has under way.
    #[arg(long, default_value_t = 4)]
    pub window: u16,
    /// Bytes of a message body, at least 24.
    #[arg(long, default_value_t = 64)]
    pub body: usize,
    /// Seconds of traffic before the measured phase.
    #[arg(long, default_value_t = 2.0)]
    pub warm_up: f64,
    /// Seconds of the measured phase.
    #[arg(long, default_value_t = 5.0)]
    pub measure: f64,
    /// Seconds that waiting for the rest may take at most.
    #[arg(long, default_value_t = 10.0)]
    pub drain: f64,
}

impl PlainSettings {
    /// Publishers and subscribers.
    #[must_use]
    pub fn numbers(&self) -> (usize, usize) {
        match self.shape {
            Shape::Pairs => (self.many, self.many),
            Shape::FanIn => (self.many, 1),
            Shape::FanOut => (1, self.many),
        }
    }
}

/// Runs the load and reports.
///
/// # Errors
/// When connections cannot be opened or epoll fails. A server that loses messages is not an error here: the report says so.
pub fn run(settings: &PlainSettings) -> anyhow::Result<PlainReport> {
    ensure!(settings.many > 0 && settings.window > 0, "--many and --window must be at least 1");
    ensure!((STAMP_BYTES..=65_536).contains(&settings.body), "--body must be between {STAMP_BYTES} and 65536");
    ensure!(settings.measure > 0.0 && settings.warm_up >= 0.0, "--measure must be above 0 and --warm-up not below");
    let target = Target { durable: false, ..settings.target.clone() };
    let clock = Clock::start();
    let mut fleet = Fleet::new(clock)?;
    let (publishers, subscribers) = settings.numbers();
    let device = |name: String, filter| Device {
        client_id: name.clone(),
        username: name,
        filter,
        qos: settings.qos,
        source: None,
    };
    let filter = |k: usize| if settings.shape == Shape::Pairs { format!("bench/{k}") } else { "bench/+".to_owned() };
    let devices: Vec<Device> = (0..subscribers)
        .map(|k| device(format!("sub{k}"), Some(filter(k))))
        .chain((0..publishers).map(|k| device(format!("pub{k}"), None)))
        .collect();
    handshake::open(&mut fleet, &target, &devices)?;
    let from_ns = clock.now_ns() + nanoseconds(settings.warm_up);
    let window = Window { from_ns, to_ns: from_ns + nanoseconds(settings.measure) };
    let mut traffic = Traffic::new(settings, window);
    traffic.start(&mut fleet);
    let (server, generator) = (settings.target.server_pid, std::process::id());
    let used = || -> anyhow::Result<(f64, f64)> {
        Ok((server.map_or(Ok(0.0), cpu_seconds).context("the server has gone")?, cpu_seconds(generator)?))
    };
    while clock.now_ns() < window.from_ns {
        fleet.turn(TURN_NS, &mut traffic)?;
    }
    let before = used()?;
    while clock.now_ns() < window.to_ns {
        fleet.turn(TURN_NS, &mut traffic)?;
    }
    let after = used()?;
    traffic.stop();
    let end_ns = clock.now_ns() + nanoseconds(settings.drain);
    while !traffic.is_settled() && clock.now_ns() < end_ns {
        fleet.turn(TURN_NS, &mut traffic)?;
    }
    // What should not come.
    thread::sleep(Duration::from_millis(200));
    fleet.turn(TURN_NS, &mut traffic)?;
    Ok(report::assemble(settings, &traffic, (after.0 - before.0, after.1 - before.1)))
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
