//! The flags of `longwave-load pairs`.

use anyhow::ensure;
use clap::Args;

use crate::stamp::STAMP_BYTES;
use crate::target::Target;

/// What traffic to make.
#[derive(Debug, Clone, Args)]
pub struct PairsSettings {
    /// Server and kind of session.
    #[command(flatten)]
    pub target: Target,
    /// Connections; an even number. Connection 2k and 2k+1 are partners, each a user of its own.
    #[arg(long, default_value_t = 1000)]
    pub connections: usize,
    /// Only even connections send and odd ones receive. Without it both partners send to each other.
    #[arg(long)]
    pub one_way: bool,
    /// Bytes of a message body, at least 24.
    #[arg(long, default_value_t = 64)]
    pub body: usize,
    /// Closed loop: publishes that a sender keeps unanswered. In open loop: the most that it may have unanswered (default 1000).
    #[arg(long)]
    pub window: Option<u16>,
    /// Open loop at this many messages per second over all senders. Without it: closed loop.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Seconds of traffic before the measured phase.
    #[arg(long, default_value_t = 3.0)]
    pub warm_up: f64,
    /// Seconds of the measured phase.
    #[arg(long, default_value_t = 10.0)]
    pub measure: f64,
    /// Seconds without any arrival after which what is still missing counts as missing.
    #[arg(long, default_value_t = 5.0)]
    pub quiet: f64,
    /// Seconds that waiting for the rest may take at most.
    #[arg(long, default_value_t = 60.0)]
    pub drain: f64,
    /// Generator threads; pairs are divided among them. One is enough unless the server has many cores of its own.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
}

impl PairsSettings {
    /// Publishes that a sender may have unanswered.
    #[must_use]
    pub fn window(&self) -> u16 {
        self.window.unwrap_or(if self.rate.is_some() { 1000 } else { 1 })
    }

    /// Senders among the connections.
    #[must_use]
    pub fn senders(&self) -> usize {
        if self.one_way { self.connections / 2 } else { self.connections }
    }

    /// Refuses settings that cannot be run.
    ///
    /// # Errors
    /// Says which flag and what it may be.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.connections >= 2 && self.connections.is_multiple_of(2),
            "--connections must be even and at least 2"
        );
        ensure!((STAMP_BYTES..=65_536).contains(&self.body), "--body must be between {STAMP_BYTES} and 65536");
        ensure!(self.window() > 0, "--window must be at least 1");
        ensure!(self.rate.is_none_or(|rate| rate > 0.0), "--rate must be above 0");
        ensure!(self.measure > 0.0 && self.warm_up >= 0.0, "--measure must be above 0 and --warm-up not below");
        ensure!(
            (1..=self.connections / 2).contains(&self.threads),
            "--threads must be between 1 and the number of pairs"
        );
        Ok(())
    }
}
