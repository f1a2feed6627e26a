//! A store in memory: the fenced journal, whose appends fail as scripted, and views that are applied separately, as on Cassandra.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use longwave_model::{ConversationId, DeviceId, Entry, Epoch, OwnerId, Position, ShardId, UserId};
use longwave_persistence::views::ViewWrite;
use longwave_persistence::{
    Append, Appended, Journal, JournalRow, Outcome, PushRecord, StoreError, Tenure, Versioned, Watermarks,
};
use parking_lot::Mutex;

use super::hold::{Hold, Holds};
use super::memory_views::Views;
use crate::invariant;

/// What goes wrong with an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// Stored, but the answer is lost.
    UnknownLanded,
    /// Not stored, and the answer is lost.
    UnknownLost,
    /// The answer is lost, and the append lands the moment somebody looks, unless the epoch has changed.
    UnknownLate,
    /// Somebody else has taken the shard before.
    Stolen,
    /// Refused before anything was written.
    DiskFull,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    epoch: u64,
    rows: Vec<Arc<Entry>>,
    watermarks: Watermarks,
    late: Option<Append>,
}

/// The store. Clones of the handle see the same rows.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    shards: Vec<Mutex<Shard>>,
    pub(super) views: Mutex<Views>,
    pub(super) registers: Mutex<BTreeMap<String, Versioned>>,
    pub(super) pushes: Mutex<BTreeMap<(UserId, DeviceId, ConversationId), PushRecord>>,
    script: Mutex<VecDeque<Option<Mishap>>>,
    commits_views: bool,
    /// Takes that fail before one succeeds.
    pub(crate) failing_takes: AtomicU32,
    /// Reads that fail before one succeeds.
    pub(crate) failing_reads: AtomicU32,
    /// Applies that fail before one succeeds.
    pub(crate) failing_applies: AtomicU32,
    /// Milliseconds that an append takes.
    pub(crate) append_millis: AtomicU64,
    /// Entries of each append that was stored.
    pub(crate) appends: Mutex<Vec<usize>>,
    /// No append is answered while this is set.
    pub(crate) stalled: AtomicBool,
    pub(crate) last_commit: AtomicU64,
    holds: Holds,
    pub(crate) dedup_reads: AtomicU32,
    pub(crate) dedup_scans: AtomicU32,
}

impl MemoryStore {
    pub(crate) fn new(shards: usize, commits_views: bool) -> Self {
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            views: Mutex::default(),
            registers: Mutex::default(),
            pushes: Mutex::default(),
            script: Mutex::default(),
            commits_views,
            failing_takes: AtomicU32::default(),
            failing_reads: AtomicU32::default(),
            failing_applies: AtomicU32::default(),
            append_millis: AtomicU64::default(),
            appends: Mutex::default(),
            stalled: AtomicBool::default(),
            last_commit: AtomicU64::default(),
            holds: Holds::default(),
            dedup_reads: AtomicU32::default(),
            dedup_scans: AtomicU32::default(),
        }
    }

    /// What the next appends with entries run into; `None` lets one through.
    pub(crate) fn script(&self, mishaps: impl IntoIterator<Item = Option<Mishap>>) {
        self.script.lock().extend(mishaps);
    }

    /// All entries of all journals, by shard and position.
    pub(crate) fn journal(&self) -> Vec<Arc<Entry>> {
        self.shards.iter().flat_map(|shard| shard.lock().rows.clone()).collect()
    }

    /// Holds the next caller that comes to a step.
    pub(crate) fn hold_next(&self, step: &str) -> Arc<Hold> {
        self.holds.set(step)
    }

    fn try_append(&self, append: Append) -> Outcome {
        let mishap = if append.entries.is_empty() { None } else { self.script.lock().pop_front().flatten() };
        let mut shard = self.shards[usize::from(append.shard.0)].lock();
        let lost = || Outcome::Unknown(StoreError::Unavailable("as scripted".into()));
        match mishap {
            Some(Mishap::DiskFull) => return Outcome::Rejected(StoreError::DiskFull { free: 1, mark: 2 }),
            Some(Mishap::UnknownLost) => return lost(),
            Some(Mishap::Stolen) => shard.epoch += 1,
            Some(Mishap::UnknownLate) => {
                shard.late = Some(append);
                return lost();
            }
            Some(Mishap::UnknownLanded) | None => {}
        }
        let now = (Epoch(shard.epoch), Position(shard.rows.len() as u64));
        if !invariant::fence_opens(append.epoch, append.head, now) {
            return Outcome::NotApplied;
        }
        self.store(&mut shard, &append);
        if mishap.is_some() { lost() } else { Outcome::Applied }
    }

    pub(crate) fn watermarks(&self, shard: usize) -> Watermarks {
        self.shards[shard].lock().watermarks
    }

    /// How often an inbox row was raised.
    pub(crate) fn inbox_raises(&self) -> usize {
        self.views.lock().inbox_raises
    }

    /// Takes every shard for nobody: what a second owner does to the first.
    pub(crate) fn steal_all(&self) {
        for shard in &self.shards {
            shard.lock().epoch += 1;
        }
    }

    pub(super) fn failing(counter: &AtomicU32) -> Result<(), StoreError> {
        match counter.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err(StoreError::Unavailable("as scripted".into())),
            Err(_) => Ok(()),
        }
    }

    fn store(&self, shard: &mut Shard, append: &Append) {
        for Appended { entry, audience } in &append.entries {
            shard.rows.push(entry.clone());
            if self.commits_views {
                self.views.lock().apply(longwave_persistence::views::views(entry, audience));
            }
        }
        let head = Position(shard.rows.len() as u64);
        assert!(invariant::is_within(append.watermarks, Position(0), head), "a watermark above the head");
        shard.watermarks = append.watermarks;
        if !append.entries.is_empty() {
            self.appends.lock().push(append.entries.len());
        }
        let last = append.entries.iter().map(|appended| appended.entry.ts).max();
        self.last_commit.fetch_max(last.unwrap_or(0), SeqCst);
    }
}

#[async_trait]
impl Journal for MemoryStore {
    fn shards(&self) -> u16 {
        u16::try_from(self.shards.len()).unwrap()
    }

    fn views_are_committed(&self) -> bool {
        self.commits_views
    }

    async fn take(&self, shard: ShardId, _: OwnerId) -> Result<Tenure, StoreError> {
        Self::failing(&self.failing_takes)?;
        let mut shard = self.shards[usize::from(shard.0)].lock();
        shard.epoch += 1;
        // A late append of the former epoch meets the fence.
        shard.late = None;
        Ok(Tenure {
            epoch: Epoch(shard.epoch),
            head: Position(shard.rows.len() as u64),
            watermarks: shard.watermarks,
            trimmed: Position(0),
            last_commit: self.last_commit.load(SeqCst),
        })
    }

    async fn epoch(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        Self::failing(&self.failing_reads)?;
        Ok(Epoch(self.shards[usize::from(shard.0)].lock().epoch))
    }

    async fn append(&self, append: Append) -> Outcome {
        self.holds.pass(if append.entries.is_empty() { "before the watermark" } else { "before the append" }).await;
        while self.stalled.load(SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        match self.append_millis.load(SeqCst) {
            0 => {}
            millis => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
        let is_watermark = append.entries.is_empty();
        let outcome = self.try_append(append);
        if !is_watermark {
            self.holds.pass("before its answer").await;
        }
        outcome
    }

    async fn apply(&self, writes: Vec<ViewWrite>) -> Result<(), StoreError> {
        assert!(!self.commits_views, "the views were committed");
        self.holds.pass("before the views").await;
        Self::failing(&self.failing_applies)?;
        self.views.lock().apply(writes);
        Ok(())
    }

    async fn tail(&self, shard: ShardId, after: Position, limit: usize) -> Result<Vec<JournalRow>, StoreError> {
        Self::failing(&self.failing_reads)?;
        let mut shard = self.shards[usize::from(shard.0)].lock();
        if let Some(late) = shard.late.take()
            && late.epoch.0 == shard.epoch
        {
            self.store(&mut shard, &late);
        }
        let rows = shard.rows.iter().zip(1..).skip(usize::try_from(after.0).unwrap()).take(limit);
        Ok(rows.map(|(entry, n)| JournalRow { position: Position(n), entry: entry.clone() }).collect())
    }

    async fn trim(&self, _: ShardId, _: Position) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        for shard in &self.shards {
            let rows = &shard.lock().rows;
            if !std::thread::panicking() {
                assert!(invariant::is_dense(rows.iter().map(|entry| &**entry)), "a journal with a gap or a reused seq");
            }
        }
    }
}
