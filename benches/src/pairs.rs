//! 1:1 traffic: every connection has a partner, and messages go between the two at QoS 1 both ways.
//!
//! *Closed loop*: each sender keeps a fixed number of publishes unanswered and sends the next when a PUBACK arrives; this finds
//! the most that a server carries. *Open loop*: messages are due at a fixed total rate whatever the server does; this finds the
//! latency at that rate, counted from when each was due. A warm-up precedes the measured phase; after it nothing new is due, and
//! what is under way is waited for, so that loss can be told from lateness.

mod report;
mod settings;
mod stream;
mod traffic;
mod worker;

pub use report::{PairsReport, ServerUse};
pub use settings::PairsSettings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread;

use anyhow::{Context, anyhow};

use crate::clock::Clock;
use crate::latency::Window;
use crate::process::{Memory, cpu_seconds, machine_cpu_seconds};
use report::Usage;
use worker::{Part, WorkerOutcome};

/// Runs the load and reports; blocks until everything sent is accounted for.
///
/// # Errors
/// When connections cannot be opened or a worker's epoll fails. A server that loses messages is not an error here: the report
/// says so.
pub fn run(settings: &PairsSettings) -> anyhow::Result<PairsReport> {
    settings.check()?;
    let clock = Clock::start();
    let run_id = std::process::id() ^ (clock_seed() << 12);
    let memory_before = settings.target.server_pid.map(Memory::of).transpose().context("server pid")?;
    // Workers and this thread meet once when all connections stand, and once more to learn when time starts.
    let (ready, go) = (Barrier::new(settings.threads + 1), Barrier::new(settings.threads + 1));
    let window_cell = OnceLock::new();
    let failed = AtomicBool::new(false);
    let (outcomes, usage, window) = thread::scope(|scope| {
        let workers: Vec<_> = (0..settings.threads)
            .map(|thread| {
                let (ready, go, window_cell, failed) = (&ready, &go, &window_cell, &failed);
                scope.spawn(move || {
                    let part = Part { settings, clock, run_id, thread };
                    let opened = part.open();
                    failed.fetch_or(opened.is_err(), Ordering::Relaxed);
                    ready.wait();
                    go.wait();
                    let window = *window_cell.get().context("no measured phase was set")?;
                    part.drive(opened?, window)
                })
            })
            .collect();
        ready.wait();
        let start_ns = clock.now_ns() + 50_000_000;
        let from_ns = start_ns + nanoseconds(settings.warm_up);
        let window = Window { from_ns, to_ns: from_ns + nanoseconds(settings.measure) };
        window_cell.get_or_init(|| (start_ns, window));
        go.wait();
        let usage =
            if failed.load(Ordering::Relaxed) { Ok(Usage::default()) } else { sample_usage(settings, clock, window) };
        let outcomes: anyhow::Result<Vec<WorkerOutcome>> =
            workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?).collect();
        (outcomes, usage, window)
    });
    let outcomes = outcomes?;
    let memory_after = settings.target.server_pid.map(Memory::of).transpose().unwrap_or_default();
    Ok(report::assemble(settings, window, &outcomes, usage?, memory_before, memory_after))
}

/// Reads the CPU time of everybody at both ends of the measured phase.
fn sample_usage(settings: &PairsSettings, clock: Clock, window: Window) -> anyhow::Result<Usage> {
    let read = || -> anyhow::Result<Usage> {
        let server = settings.target.server_pid.map(cpu_seconds).transpose().context("the server has gone")?;
        Ok(Usage { generator: cpu_seconds(std::process::id())?, server, machine: machine_cpu_seconds()? })
    };
    clock.sleep_until(window.from_ns);
    let from = read()?;
    clock.sleep_until(window.to_ns);
    let to = read()?;
    Ok(Usage {
        generator: to.generator - from.generator,
        server: to.server.zip(from.server).map(|(to, from)| to - from),
        machine: to.machine - from.machine,
    })
}

/// Differs from run to run, so that messages of an earlier run are recognised.
fn clock_seed() -> u32 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.subsec_nanos())
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
