//! One compare-and-set per message, and nothing else: no inbox, no dedup row, no broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use scylla::client::session::Session;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};

use super::conversations::Conversations;
use super::{Deployment, Done, JournalSettings};
use crate::clock::Clock;
use crate::latency::{Latencies, Window};

/// Rows written at once while the table is made.
const FILL: usize = 64;

/// A table with a partition per conversation.
pub(super) struct Naive<'a> {
    conversations: &'a Conversations,
    session: Session,
    advance: PreparedStatement,
    append: PreparedStatement,
    heads: Vec<AtomicU64>,
}

impl<'a> Naive<'a> {
    pub(super) async fn new(deployment: &Deployment, conversations: &'a Conversations) -> anyhow::Result<Self> {
        let session = deployment.session().await?;
        let table = format!("{}.naive", deployment.keyspace);
        let columns = "conversation text, n bigint, head bigint static, entry blob, PRIMARY KEY (conversation, n)";
        session.query_unpaged(format!("CREATE TABLE {table} ({columns})"), ()).await?;
        // At timestamp 1, below every ballot.
        let first = format!("INSERT INTO {table} (conversation, head) VALUES (?, 0) USING TIMESTAMP 1");
        let first = session.prepare(first).await?;
        stream::iter(&conversations.all)
            .map(|known| session.execute_unpaged(&first, (known.id.as_str(),)))
            .buffer_unordered(FILL)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        let prepare = |text: String| async { session.prepare(text).await };
        let advance = prepare(format!("UPDATE {table} SET head = ? WHERE conversation = ? IF head = ?")).await?;
        let append = prepare(format!("INSERT INTO {table} (conversation, n, entry) VALUES (?, ?, ?)")).await?;
        let heads = conversations.all.iter().map(|_| AtomicU64::new(0)).collect();
        Ok(Self { conversations, session, advance, append, heads })
    }

    pub(super) async fn run(
        &self,
        settings: &JournalSettings,
        at_once: usize,
        mut note: impl FnMut(bool),
    ) -> anyhow::Result<Done> {
        let clock = Clock::start();
        let from_ns = (settings.warm_up * 1e9) as u64;
        let window = Window { from_ns, to_ns: from_ns + (settings.measure * 1e9) as u64 };
        let count = Arc::new(AtomicU64::new(0));
        let workers = (0..at_once).map(|worker| self.work(clock, window, worker, at_once, count.clone()));
        let phases = async {
            tokio::time::sleep(std::time::Duration::from_nanos(window.from_ns)).await;
            note(true);
            tokio::time::sleep(std::time::Duration::from_nanos(window.to_ns - window.from_ns)).await;
            note(false);
        };
        let (outcomes, ()) = tokio::join!(futures_util::future::try_join_all(workers), phases);
        let mut latency = Latencies::new(window);
        outcomes?.iter().for_each(|part| latency.add(part));
        Ok(Done { per_second: count.load(Relaxed) as f64 / window.seconds(), latency: latency.summary() })
    }

    /// Takes every `at_once`-th conversation in turn, so that no two workers meet in one.
    async fn work(
        &self,
        clock: Clock,
        window: Window,
        worker: usize,
        at_once: usize,
        count: Arc<AtomicU64>,
    ) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::new(window);
        let mine: Vec<usize> = (worker..self.conversations.len()).step_by(at_once).collect();
        for at in mine.iter().cycle() {
            let start_ns = clock.now_ns();
            if start_ns >= window.to_ns {
                break;
            }
            self.append(*at).await?;
            let done_ns = clock.now_ns();
            latencies.record(start_ns, done_ns);
            count.fetch_add(u64::from(window.contains(done_ns)), Relaxed);
        }
        Ok(latencies)
    }

    async fn append(&self, at: usize) -> anyhow::Result<()> {
        let known = &self.conversations.all[at];
        let head = self.heads[at].load(Relaxed);
        let entry = self.conversations.entry(known, head + 1, 0)?;
        let name = CqlValue::Text(known.id.as_str().to_owned());
        let number = |number: u64| CqlValue::BigInt(i64::try_from(number).unwrap_or(i64::MAX));
        let statements = vec![BatchStatement::from(self.advance.clone()), BatchStatement::from(self.append.clone())];
        let values = vec![
            vec![number(head + 1), name.clone(), number(head)],
            vec![name, number(head + 1), CqlValue::Blob(entry.encode())],
        ];
        let mut batch = Batch::new_with_statements(BatchType::Unlogged, statements);
        batch.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        let rows = self.session.batch(&batch, values).await?.into_rows_result()?;
        let answer = rows.first_row::<Row>()?.columns.into_iter().next().flatten();
        ensure!(
            answer.context("an answer without columns")? == CqlValue::Boolean(true),
            "a compare-and-set was not applied"
        );
        self.heads[at].store(head + 1, Relaxed);
        Ok(())
    }
}
