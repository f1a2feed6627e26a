//! Hands messages to whoever wakes sleeping devices, in the order of the journal.
//!
//! A task beside the lane, which never waits for it: what the task has no room for is left out, and read back from the journal once
//! there is room again. So a push worker that is slow or away holds back `settled` and nothing else, and costs no memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hashbrown::HashMap;
use longwave_model::{ConversationId, Position, ShardId};
use longwave_persistence::{JournalRow, StoreError, Tenure};
use longwave_port::{PushMessage, PushSink};
use rustc_hash::FxBuildHasher;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::lane::LaneParts;
use crate::lane::batch::Outgoing;
use crate::lane::commit::Pauses;
use crate::lane::conversation::Conversation;
use crate::lane::ledger::Ledger;
use crate::lane::load;

/// Appends that may wait for a sink that is busy.
const WAITING: usize = 64;

/// How often the task looks whether something was left out.
const LOOK: Duration = Duration::from_millis(500);

/// The lane's side. Ends with it.
#[derive(Debug)]
pub(super) struct HandOver {
    ledger: Arc<Ledger>,
    appends: mpsc::Sender<Job>,
    /// The end of the journal.
    head: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

/// The messages of one append.
#[derive(Debug)]
struct Job {
    /// The position before its first entry.
    after: Position,
    last: Position,
    messages: Vec<PushMessage>,
}

impl HandOver {
    /// Starts with what is not settled; `None` where nobody wakes devices.
    pub(super) fn start(parts: &Arc<LaneParts>, shard: ShardId, tenure: &Tenure) -> Option<Self> {
        let sink = parts.push.clone()?;
        let ledger = Arc::new(Ledger::new(tenure.watermarks.settled.max(tenure.trimmed)));
        let (appends, queue) = mpsc::channel(WAITING);
        let head = Arc::new(AtomicU64::new(tenure.head.0));
        let run = Run { parts: parts.clone(), shard, sink, ledger: ledger.clone(), head: head.clone() };
        Some(Self { ledger, appends, head, task: tokio::spawn(run.run(queue)) })
    }

    /// How far it has come.
    pub(super) fn ledger(&self) -> Arc<Ledger> {
        self.ledger.clone()
    }

    /// The entries are stored and end at `last`.
    pub(super) fn push(&self, last: Position, entries: &[Outgoing]) {
        if entries.is_empty() {
            return;
        }
        self.head.store(last.0, Relaxed);
        let after = Position(last.0.saturating_sub(entries.len() as u64));
        let message = |out: &Outgoing| Some(PushMessage { entry: out.entry.clone(), to: out.woken.clone()? });
        let messages = entries.iter().filter_map(message);
        // A full queue is no loss: the task reads what it has missed.
        let _ = self.appends.try_send(Job { after, last, messages: messages.collect() });
    }
}

impl Drop for HandOver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task's side.
struct Run {
    parts: Arc<LaneParts>,
    shard: ShardId,
    sink: Arc<dyn PushSink>,
    ledger: Arc<Ledger>,
    head: Arc<AtomicU64>,
}

impl Run {
    async fn run(self, mut queue: mpsc::Receiver<Job>) {
        loop {
            match timeout(LOOK, queue.recv()).await {
                Ok(None) => return,
                Ok(Some(job)) => {
                    self.catch_up(job.after).await;
                    if self.ledger.handed() == job.after {
                        self.hand(job.last, job.messages).await;
                    }
                }
                Err(_) => self.catch_up(Position(self.head.load(Relaxed))).await,
            }
        }
    }

    /// Hands over what was left out, up to a position.
    async fn catch_up(&self, until: Position) {
        while self.ledger.handed() < until {
            let handed = self.ledger.handed();
            let limit = usize::try_from(until.0 - handed.0).unwrap_or(usize::MAX);
            let rows = self.rows(handed, limit.min(self.parts.settings.append_entries)).await;
            // Rows that are missing were trimmed, and so were settled.
            let last = rows.last().map_or(until, |row| row.position);
            let messages = self.messages(rows).await;
            self.hand(last, messages).await;
        }
    }

    async fn hand(&self, last: Position, messages: Vec<PushMessage>) {
        if messages.is_empty() {
            return self.ledger.pass(last);
        }
        let ticket = self.ledger.open(last);
        self.sink.hand_over(self.shard, messages, ticket).await;
    }

    async fn rows(&self, after: Position, limit: usize) -> Vec<JournalRow> {
        let mut pauses = Pauses::new();
        loop {
            match self.parts.store.tail(self.shard, after, limit).await {
                Ok(rows) => return rows,
                Err(error) => pauses.pause(&error, "reading what is not settled").await,
            }
        }
    }

    /// With the members of today: who has left meanwhile is not woken.
    async fn messages(&self, rows: Vec<JournalRow>) -> Vec<PushMessage> {
        let mut known: HashMap<ConversationId, Conversation, FxBuildHasher> = HashMap::default();
        let mut messages = Vec::new();
        for JournalRow { entry, .. } in rows {
            if entry.message().is_none() {
                continue;
            }
            let id = &entry.conversation;
            if !known.contains_key(id) {
                known.insert(id.clone(), self.conversation(id).await);
            }
            if let Some(to) = known.get(id).and_then(|conversation| conversation.woken_by(&entry)) {
                messages.push(PushMessage { entry, to });
            }
        }
        messages
    }

    async fn conversation(&self, id: &ConversationId) -> Conversation {
        let mut pauses = Pauses::new();
        loop {
            let loaded: Result<_, StoreError> = load::conversation(&*self.parts.store, &self.parts.settings, id).await;
            match loaded {
                Ok(loaded) => return loaded,
                Err(error) => pauses.pause(&error, "reading a conversation").await,
            }
        }
    }
}
