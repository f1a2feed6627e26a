//! Stores the views of what a lane has appended, beside the lane's next append, in the order of the appends.
//!
//! One call at a time (protocol rule 6: a head follows every row below it, across appends). What was appended while a call was under way
//! goes into the next one together, so heads and inboxes of busy conversations are written less often than their entries. How much may
//! wait is bounded: then the lane, and with it its senders, waits.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashMap;
use longwave_model::{ConversationId, Epoch, Position};
use longwave_persistence::{Appended, Store};
use longwave_port::Bus;
use rustc_hash::FxBuildHasher;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::apply::{apply, batch_views};
use crate::lane::batch::Outgoing;
use crate::lane::finish::Later;
use crate::stats::BridgeStats;

/// Entries whose views may wait before the lane waits.
const WAITING: usize = 400;

/// Entries of one call.
const ENTRIES: usize = 1_000;

/// The lane's side.
#[derive(Debug)]
pub(super) struct Applier {
    jobs: mpsc::UnboundedSender<Job>,
    done: mpsc::UnboundedReceiver<Done>,
    entries: usize,
    under_way: usize,
    conversations: HashMap<ConversationId, usize, FxBuildHasher>,
    stats: Arc<BridgeStats>,
    task: JoinHandle<()>,
}

/// One append.
#[derive(Debug)]
struct Job {
    entries: Vec<Outgoing>,
    later: Vec<Later>,
    position: Position,
    epoch: Epoch,
}

/// An append whose views are stored.
#[derive(Debug)]
pub(super) struct Done {
    conversations: Vec<ConversationId>,
    pub(super) position: Position,
    pub(super) epoch: Epoch,
    /// Comes when those online have been told.
    pub(super) flushed: Option<oneshot::Receiver<()>>,
}

impl Applier {
    /// Starts it; it ends with its lane.
    pub(super) fn start(store: Arc<dyn Store>, bus: Arc<dyn Bus>, stats: Arc<BridgeStats>) -> Self {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (told, done) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(store, bus, queue, told));
        Self { jobs, done, entries: 0, under_way: 0, conversations: HashMap::default(), stats, task }
    }

    /// Hands an append over, or what has to wait for those before.
    pub(super) fn push(&mut self, entries: Vec<Outgoing>, later: Vec<Later>, position: Position, epoch: Epoch) {
        self.entries += entries.len();
        self.stats.views_behind.fetch_add(entries.len() as u64, Relaxed);
        self.under_way += 1;
        for out in &entries {
            *self.conversations.entry(out.entry.conversation.clone()).or_default() += 1;
        }
        // It ends only with the runtime.
        let _ = self.jobs.send(Job { entries, later, position, epoch });
    }

    /// Lets it finish, and go of the store.
    pub(super) async fn stop(&mut self) {
        (self.jobs, _) = mpsc::unbounded_channel();
        // A defect of its own was reported where it happened.
        let _ = (&mut self.task).await;
    }

    /// Whether anything is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    /// Whether the lane has to wait.
    pub(super) fn is_full(&self) -> bool {
        self.entries >= WAITING
    }

    /// Whether entries of a conversation are under way: what the store says of it is not the last word.
    pub(super) fn has(&self, conversation: &ConversationId) -> bool {
        self.conversations.contains_key(conversation)
    }

    /// What has been stored since the last time.
    pub(super) fn try_done(&mut self) -> Option<Done> {
        let done = self.done.try_recv().ok()?;
        self.note(&done);
        Some(done)
    }

    /// Waits for the next append's views; `None` when the runtime ends.
    pub(super) async fn next_done(&mut self) -> Option<Done> {
        let done = self.done.recv().await?;
        self.note(&done);
        Some(done)
    }

    fn note(&mut self, done: &Done) {
        self.under_way -= 1;
        self.entries -= done.conversations.len();
        self.stats.views_behind.fetch_sub(done.conversations.len() as u64, Relaxed);
        for conversation in &done.conversations {
            if let Some(count) = self.conversations.get_mut(conversation) {
                *count -= 1;
                if *count == 0 {
                    self.conversations.remove(conversation);
                }
            }
        }
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        // A lane that is given up while the store does not answer leaves the rest to the next owner.
        self.task.abort();
        self.stats.views_behind.fetch_sub(self.entries as u64, Relaxed);
    }
}

async fn run(
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    mut queue: mpsc::UnboundedReceiver<Job>,
    told: mpsc::UnboundedSender<Done>,
) {
    while let Some(first) = queue.recv().await {
        let mut count = first.entries.len();
        let mut jobs = vec![first];
        while count < ENTRIES
            && let Ok(job) = queue.try_recv()
        {
            count += job.entries.len();
            jobs.push(job);
        }
        let appended: Vec<Appended> = jobs.iter().flat_map(|job| job.entries.iter().map(Outgoing::appended)).collect();
        if !appended.is_empty() {
            apply(&*store, batch_views(&appended)).await;
        }
        for job in jobs {
            fan_out(&*bus, &job.entries);
            job.later.into_iter().for_each(Later::answer);
            let conversations = job.entries.iter().map(|out| out.entry.conversation.clone()).collect();
            let flushed = if job.entries.is_empty() { None } else { bus.flushed() };
            // The lane may have ended.
            let _ = told.send(Done { conversations, position: job.position, epoch: job.epoch, flushed });
        }
    }
}

/// Tells the members who are online.
pub(super) fn fan_out(bus: &dyn Bus, entries: &[Outgoing]) {
    for out in entries {
        bus.entry(&out.entry, &out.to);
        if let Some(also) = &out.also {
            bus.entry(&out.entry, also);
        }
    }
}
