//! A lane: the task that owns one shard. It alone assigns seqs in its conversations and appends to the shard's journal.
//!
//! One append is in flight at a time. While it is, requests queue up and become the next one: group commit without a timer. Views
//! are applied and entries fanned out beside the next append, in order; how far they may be behind is bounded, so a backend whose views
//! are slow slows the shard's senders down.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use longwave_model::{ConversationId, Epoch, OwnerId, Position, ShardId};
use longwave_persistence::Store;
use longwave_port::{Bus, PushSink};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::bridge::Clock;
use crate::fault::Fault;
use crate::lane::applier::Applier;
use crate::lane::batch::Batch;
use crate::lane::decide::Step;
use crate::lane::hand_over::HandOver;
use crate::lane::memory::Memory;
use crate::lane::ownership::Hold;
use crate::lane::request::Request;
use crate::lane::settle::Progress;
use crate::marks::MarkJob;
use crate::owned::OwnedShards;
use crate::settings::BridgeSettings;
use crate::stats::BridgeStats;

mod applier;
mod batch;
mod commit;
pub(crate) mod conversation;
mod decide;
mod fetch;
mod finish;
mod hand_over;
mod keys;
mod ledger;
mod load;
mod memory;
mod ownership;
mod recent;
pub(crate) mod request;
mod seen;
mod settle;
mod takeover;

pub(crate) use fetch::refusal_of;
pub use ownership::Ownership;

/// Requests looked at in one turn.
pub(crate) const WINDOW: usize = 512;

/// How long an idle lane waits before it does its housekeeping.
const IDLE: Duration = Duration::from_secs(1);

/// What all lanes share.
pub(crate) struct LaneParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) clock: Clock,
    pub(crate) settings: Arc<BridgeSettings>,
    pub(crate) stats: Arc<BridgeStats>,
    pub(crate) marks: mpsc::UnboundedSender<MarkJob>,
    /// Random per process start (protocol rule 2).
    pub(crate) owner: OwnerId,
    pub(crate) ownership: Ownership,
    pub(crate) owned: Arc<OwnedShards>,
    pub(crate) push: Option<Arc<dyn PushSink>>,
}

/// A lane. Consumed by [`Lane::run`].
pub(crate) struct Lane {
    parts: Arc<LaneParts>,
    shard: ShardId,
    queue: mpsc::UnboundedReceiver<Request>,
    backlog: VecDeque<Request>,
    memory: Memory,
    epoch: Epoch,
    head: Position,
    progress: Progress,
    fault: Fault,
    stopping: bool,
    hold: Hold,
    applier: Applier,
    /// While the shard is owned and somebody wakes devices.
    hand_over: Option<HandOver>,
    /// Positions up to which views are stored, and what comes when those online were told, if they are not yet.
    told: VecDeque<(Position, Option<oneshot::Receiver<()>>)>,
    /// Conversations read in this turn that did not exist.
    absent_conversations: Vec<ConversationId>,
}

impl Lane {
    pub(crate) fn new(parts: Arc<LaneParts>, shard: ShardId, queue: mpsc::UnboundedReceiver<Request>) -> Self {
        let memory = Memory::new(&parts.settings, WINDOW);
        let applier = Applier::start(parts.store.clone(), parts.bus.clone(), parts.stats.clone());
        Self {
            parts,
            shard,
            queue,
            backlog: VecDeque::new(),
            memory,
            epoch: Epoch(0),
            head: Position(0),
            progress: Progress::default(),
            fault: Fault::from_environment(),
            stopping: false,
            hold: Hold::default(),
            applier,
            hand_over: None,
            told: VecDeque::new(),
            absent_conversations: Vec::new(),
        }
    }

    /// Serves its shard until told to stop.
    pub(crate) async fn run(mut self) {
        if self.parts.ownership == Ownership::Always {
            self.take_over().await;
        }
        let _serving = Serving::new(self.parts.stats.clone());
        while self.gather().await {
            if self.hold().await {
                self.turn().await;
            }
        }
        self.drain().await;
        if self.hold.is_owned() {
            self.settle().await;
        }
        self.applier.stop().await;
    }

    /// Fills the backlog. False when there is nothing left to do, ever.
    async fn gather(&mut self) -> bool {
        let mut gathered = Vec::new();
        while self.backlog.is_empty() && !self.stopping {
            match timeout(IDLE, self.queue.recv_many(&mut gathered, WINDOW)).await {
                Ok(0) => return false,
                Ok(_) => self.backlog.extend(gathered.drain(..)),
                Err(_) if self.hold.is_owned() => {
                    self.settle().await;
                    self.look().await;
                }
                Err(_) => {}
            }
        }
        while self.backlog.len() < WINDOW
            && let Ok(request) = self.queue.try_recv()
        {
            self.backlog.push_back(request);
        }
        !self.backlog.is_empty()
    }

    /// One append and what belongs to it.
    async fn turn(&mut self) {
        let mut batch = Batch::default();
        for _ in 0..WINDOW {
            match self.decide_next(&mut batch) {
                Step::Decided => {}
                Step::Missing => self.fetch_missing().await,
                Step::Full | Step::Empty => break,
            }
        }
        self.commit(batch).await;
        if !self.hold.is_owned() {
            return;
        }
        self.trim().await;
        self.memory.absent.clear();
        self.forget_absent();
    }
}

/// Counts a lane that serves, also when that ends in a panic.
struct Serving(Arc<BridgeStats>);

impl Serving {
    fn new(stats: Arc<BridgeStats>) -> Self {
        stats.serving.fetch_add(1, Relaxed);
        Self(stats)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, Relaxed);
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("shard", &self.shard).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
