//! Straight to the store, without a server: one append per message, and view writes without any append.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::bail;
use bytes::Bytes;
use hdrhistogram::Histogram;
use longwave_model::{
    Content, ConversationId, DeviceId, Entry, Message, MessageId, OwnerId, Position, Seq, ShardId, UserId,
};
use longwave_persistence::cassandra::{Cassandra, CassandraConfig, Replication, migrate};
use longwave_persistence::views::views;
use longwave_persistence::{Append, Appended, Audience, Journal as _, Outcome, Watermarks};
use tokio::task::JoinSet;

use super::CassandraSettings;
use super::report::Figure;

/// Conversations that append at once, each to a journal of its own.
pub(super) const SINGLE: u16 = 64;
/// Entries of one call that writes views: what an append carries at most.
const VIEWS: usize = 200;

/// The store and how far each conversation is.
pub(super) struct Plain {
    store: Arc<Cassandra>,
    body: Bytes,
    conversations: usize,
    writers: u16,
    next: Arc<AtomicU64>,
}

impl Plain {
    pub(super) async fn prepare(settings: &CassandraSettings) -> anyhow::Result<Self> {
        let config = CassandraConfig {
            keyspace: format!("figures_plain_{}", std::process::id()),
            replication: Replication::Simple(1),
            shards: SINGLE,
            ..CassandraConfig::new(vec![settings.cassandra.clone()])
        };
        migrate(&config).await?;
        let store = Arc::new(Cassandra::connect(&config).await?);
        Ok(Self {
            store,
            body: Bytes::from(vec![b'x'; settings.body]),
            conversations: settings.conversations,
            writers: settings.shards,
            next: Arc::new(AtomicU64::new(0)),
        })
    }

    /// One compare-and-set per message, so many conversations at once.
    pub(super) async fn single(&self, duration: Duration, conversations: u16) -> anyhow::Result<Figure> {
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for shard in (0..conversations.min(SINGLE)).map(ShardId) {
            let (store, body) = (self.store.clone(), self.body.clone());
            tasks.spawn(async move {
                let mut times = histogram()?;
                let tenure = store.take(shard, OwnerId(u128::from(shard.0) + 1)).await?;
                let (mut head, mut seq) = (tenure.head, tenure.head.0);
                while started.elapsed() < duration {
                    seq += 1;
                    let entry = Arc::new(message(usize::from(shard.0), seq, &body)?);
                    let append = Append {
                        shard,
                        epoch: tenure.epoch,
                        head,
                        entries: vec![Appended { entry, audience: Arc::new(Audience::default()) }],
                        watermarks: Watermarks::default(),
                    };
                    let asked = Instant::now();
                    match store.append(append).await {
                        Outcome::Applied => head = Position(head.0 + 1),
                        other => bail!("an append of shard {shard}: {other:?}"),
                    }
                    times.record(micros(asked))?;
                }
                Ok(times)
            });
        }
        figure(tasks, started, 1).await
    }

    /// The views of messages in direct conversations, in calls as large as an append, as many at once as there are lanes.
    pub(super) async fn views(&self, duration: Duration) -> anyhow::Result<Figure> {
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..self.writers {
            let (store, body, next, conversations) =
                (self.store.clone(), self.body.clone(), self.next.clone(), self.conversations as u64);
            tasks.spawn(async move {
                let mut times = histogram()?;
                while started.elapsed() < duration {
                    let first = next.fetch_add(VIEWS as u64, Relaxed);
                    let mut writes = Vec::new();
                    for n in first..first + VIEWS as u64 {
                        let conversation = usize::try_from(n % conversations)?;
                        let entry = Arc::new(message(conversation, n / conversations + 2, &body)?);
                        let audience = Arc::new(Audience(peers(conversation)?.to_vec()));
                        writes.extend(views(&entry, &audience));
                    }
                    let asked = Instant::now();
                    store.apply(writes).await?;
                    times.record_n(micros(asked), VIEWS as u64)?;
                }
                Ok(times)
            });
        }
        figure(tasks, started, VIEWS).await
    }
}

async fn figure(
    mut tasks: JoinSet<anyhow::Result<Histogram<u64>>>,
    started: Instant,
    per_append: usize,
) -> anyhow::Result<Figure> {
    let mut all = histogram()?;
    while let Some(times) = tasks.join_next().await {
        all.add(times??)?;
    }
    Ok(of(&all, started.elapsed(), per_append as f64))
}

/// A figure of the times of single messages.
pub(super) fn of(times: &Histogram<u64>, elapsed: Duration, per_append: f64) -> Figure {
    let millis = |quantile| times.value_at_quantile(quantile) as f64 / 1_000.0;
    Figure {
        per_second: times.len() as f64 / elapsed.as_secs_f64(),
        p50_ms: millis(0.5),
        p99_ms: millis(0.99),
        per_append,
    }
}

/// Microseconds, up to two minutes.
pub(super) fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 120_000_000, 3)?)
}

pub(super) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
}

fn peers(conversation: usize) -> anyhow::Result<[UserId; 2]> {
    Ok([UserId::parse(&format!("a{conversation}"))?, UserId::parse(&format!("b{conversation}"))?])
}

fn message(conversation: usize, seq: u64, body: &Bytes) -> anyhow::Result<Entry> {
    let [one, other] = peers(conversation)?;
    Ok(Entry {
        conversation: ConversationId::direct(&one, &other),
        seq: Seq(seq),
        ts: 1_700_000_000_000,
        sender: one,
        device: Some(DeviceId::parse("phone")?),
        id: Some(MessageId::parse(format!("message-{seq}").into())?),
        expires_at: None,
        origin: None,
        content: Content::Message(Message { body: body.clone(), ..Message::default() }),
    })
}
