//! A device that is away: messages pile up for it, then it comes back and drains them.
//!
//! The receiver first opens a durable session, subscribes and leaves. One sender then sends all messages; the server's resident
//! memory is sampled meanwhile. When the receiver returns, every message must come once and in order. Afterwards it leaves and
//! returns once more: nothing may come twice.

mod arrive;
mod drain;
mod report;

pub use report::{OfflineReport, RssSamples};

use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::handshake::{self, Device};
use crate::ledger::Ledger;
use crate::process::Memory;
use crate::stamp::STAMP_BYTES;
use crate::target::Target;
use crate::topics;

/// Users of this load, apart from those of the others.
pub(crate) const SENDER: usize = 900_000;
pub(crate) const RECEIVER: usize = 900_001;

/// The flags of `longwave-load offline`.
#[derive(Debug, Clone, Args)]
pub struct OfflineSettings {
    /// Server; sessions are durable whatever `--durable` says.
    #[command(flatten)]
    pub target: Target,
    /// Messages to send.
    #[arg(long, default_value_t = 100_000)]
    pub messages: u64,
    /// Bytes of a message body, at least 24.
    #[arg(long, default_value_t = 64)]
    pub body: usize,
    /// Publishes that the sender keeps unanswered.
    #[arg(long, default_value_t = 100)]
    pub window: u16,
    /// Seconds to wait between the phases before memory is read.
    #[arg(long, default_value_t = 2.0)]
    pub settle: f64,
    /// Seconds without any arrival after which what is still missing counts as missing.
    #[arg(long, default_value_t = 10.0)]
    pub quiet: f64,
}

/// Runs the load and reports.
///
/// # Errors
/// When a connection is refused or the sender loses its connection. Missing messages are not an error here: the report says so.
pub fn run(settings: &OfflineSettings) -> anyhow::Result<OfflineReport> {
    ensure!(settings.messages > 0 && settings.window > 0, "--messages and --window must be at least 1");
    ensure!((STAMP_BYTES..=65_536).contains(&settings.body), "--body must be between {STAMP_BYTES} and 65536");
    let settings = OfflineSettings { target: Target { durable: true, ..settings.target.clone() }, ..settings.clone() };
    let clock = Clock::start();
    let run_id = std::process::id();
    let memory = || settings.target.server_pid.map(Memory::of).transpose().context("server pid");
    let before = memory()?;
    leave_a_session(clock, &settings)?;

    let mut ledger = Ledger::default();
    let arriving = arrive::send_all(clock, &settings, run_id, &mut ledger)?;
    settle(&settings);
    let after_arrival = memory()?;
    let draining = drain::receive_all(clock, &settings, run_id, &mut ledger, settings.messages)?;
    settle(&settings);
    let after_drain = memory()?;
    let again = drain::receive_all(clock, &settings, run_id, &mut ledger, 0)?;

    Ok(OfflineReport {
        messages: settings.messages,
        body: settings.body,
        send_seconds: arriving.seconds,
        sent_per_second: settings.messages as f64 / arriving.seconds,
        drain_seconds: draining.seconds,
        drained_per_second: draining.arrivals as f64 / draining.seconds.max(1e-9),
        session_present: draining.session_present,
        came_again: again.arrivals,
        leftovers: draining.leftovers,
        verdict: ledger.close(&arriving.unanswered),
        memory_before: before,
        rss_while_arriving: arriving.rss,
        memory_after_arrival: after_arrival,
        rss_while_draining: draining.rss,
        memory_after_drain: after_drain,
    })
}

/// Opens the receiver's durable session, takes what an earlier run left in it, and leaves.
fn leave_a_session(clock: Clock, settings: &OfflineSettings) -> anyhow::Result<()> {
    let mut fleet = Fleet::new(clock)?;
    handshake::open(&mut fleet, &settings.target, &[receiver(true)])?;
    drain::leave(&mut fleet)
}

/// The device that is away.
pub(crate) fn receiver(subscribe: bool) -> Device {
    Device {
        client_id: format!("{}-phone", topics::user(RECEIVER)),
        username: topics::user(RECEIVER),
        filter: subscribe.then(|| topics::filter(RECEIVER)),
        source: None,
        qos: 1,
    }
}

fn settle(settings: &OfflineSettings) {
    thread::sleep(Duration::from_secs_f64(settings.settle));
}
