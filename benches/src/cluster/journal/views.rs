//! The view writes of messages without their journal: what the store's own `apply` makes of them, in a keyspace of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use longwave_persistence::Journal as _;
use longwave_persistence::cassandra::{Cassandra, CassandraConfig, Replication, migrate};
use longwave_persistence::views::{ViewWrite, views};

use super::conversations::Conversations;
use super::{Deployment, Done, JournalSettings};
use crate::clock::Clock;
use crate::latency::{Latencies, Window};

/// The views of the same conversations, in their own tables.
pub(super) struct Views<'a> {
    conversations: &'a Conversations,
    store: Cassandra,
    seqs: Vec<AtomicU64>,
    next: AtomicUsize,
}

impl<'a> Views<'a> {
    pub(super) async fn new(deployment: &Deployment, conversations: &'a Conversations) -> anyhow::Result<Self> {
        let nodes = deployment.settings.cassandra.split(',').map(|node| node.trim().to_owned()).collect();
        let mut config = CassandraConfig::new(nodes);
        config.keyspace = deployment.second_keyspace();
        config.replication = Replication::Simple(deployment.settings.replication_factor);
        config.shards = 1;
        migrate(&config).await?;
        let store = Cassandra::connect(&config).await?;
        // As after the creation of the conversation.
        let seqs = conversations.all.iter().map(|_| AtomicU64::new(1)).collect();
        Ok(Self { conversations, store, seqs, next: AtomicUsize::new(0) })
    }

    /// `shape` is messages per call × calls under way.
    pub(super) async fn run(
        &self,
        settings: &JournalSettings,
        shape: &str,
        mut note: impl FnMut(bool),
    ) -> anyhow::Result<Done> {
        let (batch, at_once) = shape.split_once('x').context("--views must be like 1x128")?;
        let (batch, at_once): (usize, usize) = (batch.parse()?, at_once.parse()?);
        let clock = Clock::start();
        let from_ns = (settings.warm_up * 1e9) as u64;
        let window = Window { from_ns, to_ns: from_ns + (settings.measure * 1e9) as u64 };
        let count = AtomicU64::new(0);
        let workers = (0..at_once).map(|_| self.work(clock, window, batch, &count));
        let phases = async {
            tokio::time::sleep(Duration::from_nanos(window.from_ns)).await;
            note(true);
            tokio::time::sleep(Duration::from_nanos(window.to_ns - window.from_ns)).await;
            note(false);
        };
        let (outcomes, ()) = tokio::join!(futures_util::future::try_join_all(workers), phases);
        let mut latency = Latencies::new(window);
        outcomes?.iter().for_each(|part| latency.add(part));
        Ok(Done { per_second: count.load(Relaxed) as f64 / window.seconds(), latency: latency.summary() })
    }

    async fn work(&self, clock: Clock, window: Window, batch: usize, count: &AtomicU64) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::new(window);
        loop {
            let start_ns = clock.now_ns();
            if start_ns >= window.to_ns {
                return Ok(latencies);
            }
            let mut writes = Vec::with_capacity(batch * 5);
            for _ in 0..batch {
                writes.extend(self.message()?);
            }
            self.store.apply(writes).await?;
            let done_ns = clock.now_ns();
            latencies.record(start_ns, done_ns);
            count.fetch_add(if window.contains(done_ns) { batch as u64 } else { 0 }, Relaxed);
        }
    }

    fn message(&self) -> anyhow::Result<Vec<ViewWrite>> {
        let at = self.next.fetch_add(1, Relaxed) % self.conversations.len();
        let known = &self.conversations.all[at];
        let seq = self.seqs[at].fetch_add(1, Relaxed) + 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let entry = self.conversations.entry(known, seq, u64::try_from(now)?)?;
        Ok(views(&Arc::new(entry), &known.audience))
    }
}
