//! What one Cassandra node carries, three ways in one run: through Longwave, with one compare-and-set per message, and the view writes alone.

mod plain;
mod report;
mod through;

pub use report::{Round, Rounds};

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct CassandraSettings {
    /// The built server.
    #[arg(long, default_value = "target/release/longwave")]
    pub binary: PathBuf,
    /// `host:port` of one node. Keyspaces are made for the run and left there.
    #[arg(long, default_value = "127.0.0.1:19042")]
    pub cassandra: String,
    /// Rounds; each measures everything once.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Seconds of each measurement, after as many of warm-up in the first round.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Direct conversations.
    #[arg(long, default_value_t = 10_000)]
    pub conversations: usize,
    /// Connections that send.
    #[arg(long, default_value_t = 100)]
    pub senders: usize,
    /// Publishes that a connection keeps unanswered.
    #[arg(long, default_value_t = 40)]
    pub window: usize,
    /// Shards of the store.
    #[arg(long, default_value_t = 16)]
    pub shards: u16,
    /// Bytes of a message body.
    #[arg(long, default_value_t = 200)]
    pub body: usize,
}

impl CassandraSettings {
    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// Runs all rounds.
///
/// # Errors
/// When Cassandra or the server cannot be used.
pub fn run(settings: &CassandraSettings, tell: impl FnMut(&str)) -> anyhow::Result<Rounds> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(settings, tell))
}

async fn measure(settings: &CassandraSettings, mut tell: impl FnMut(&str)) -> anyhow::Result<Rounds> {
    let plain = plain::Plain::prepare(settings).await?;
    let mut through = through::Through::prepare(settings).await?;
    // The JVM compiles what it has seen often: the first seconds tell nothing.
    plain.single(settings.duration(), plain::SINGLE).await?;
    plain.views(settings.duration()).await?;
    through.direct(settings.duration()).await?;
    let mut rounds = Rounds::default();
    for _ in 0..settings.rounds {
        let round = Round {
            single: plain.single(settings.duration(), plain::SINGLE).await?,
            one: plain.single(settings.duration(), 1).await?,
            views: plain.views(settings.duration()).await?,
            direct: through.direct(settings.duration()).await?,
            group: through.group(settings.duration()).await?,
        };
        tell(&round.to_string());
        rounds.0.push(round);
    }
    through.stop()?;
    Ok(rounds)
}
