//! Appends a batch and finds out how that ended, however long it takes.

use std::time::Duration;

use longwave_model::Position;
use longwave_persistence::{Append, Outcome, StoreError, Tenure};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::invariant;
use crate::lane::Lane;
use crate::lane::batch::Batch;
use crate::stats::count;

/// The longest pause between two attempts to reach a store that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// What an append of unknown outcome turned out to be.
enum Resolved {
    /// All of it is stored.
    Landed(Tenure),
    /// Nothing of it is, and nothing else either.
    NotLanded(Tenure),
    /// Nothing of it is, and another owner has appended.
    Overtaken,
}

impl Lane {
    /// Stores the batch and answers its requests, or puts them back to be decided anew.
    pub(super) async fn commit(&mut self, batch: Batch) {
        if batch.entries.is_empty() {
            if let Some(batch) = self.confirm(batch).await {
                self.finish(batch);
            }
            return;
        }
        debug_assert!(self.fault.is_planted() || invariant::is_dense(batch.entries.iter().map(|out| &*out.entry)));
        let last = Position(self.head.0 + batch.entries.len() as u64);
        self.make_room().await;
        self.note_told();
        let mut watermarks = self.progress.done();
        if self.parts.store.views_are_committed() {
            watermarks.applied = last;
        }
        debug_assert!(invariant::is_within(watermarks, Position(0), last));
        loop {
            let append =
                Append { shard: self.shard, epoch: self.epoch, head: self.head, entries: batch.appended(), watermarks };
            match self.parts.store.append(append).await {
                Outcome::Applied => {
                    self.head = last;
                    self.hold.confirm();
                    self.progress.stored(watermarks);
                    self.committed(batch);
                    return;
                }
                Outcome::NotApplied if self.fault.ignores_fence() => {
                    self.head = last;
                    self.committed(batch);
                    return;
                }
                Outcome::NotApplied => {
                    count(&self.parts.stats.fenced);
                    info!(shard = %self.shard, "another owner has taken the shard");
                    self.lost(batch).await;
                    return;
                }
                Outcome::Rejected(error) => {
                    count(&self.parts.stats.rejected);
                    self.rejected(batch, &error);
                    return;
                }
                Outcome::Unknown(error) => {
                    count(&self.parts.stats.unknown_outcomes);
                    warn!(shard = %self.shard, %error, "the outcome of an append is unknown");
                    match self.resolve(&batch).await {
                        Resolved::Landed(tenure) => {
                            self.epoch = tenure.epoch;
                            self.head = last;
                            self.committed(batch);
                            if tenure.head != last {
                                self.take_over().await;
                            }
                            return;
                        }
                        Resolved::NotLanded(tenure) => self.epoch = tenure.epoch,
                        Resolved::Overtaken => {
                            self.lost(batch).await;
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Takes the shard once more, which fences the own late statement, and compares what is there with the batch (protocol rule 1).
    async fn resolve(&mut self, batch: &Batch) -> Resolved {
        let tenure = self.take().await;
        let rows = self.tail(self.head, batch.entries.len()).await;
        let landed = rows.len() == batch.entries.len()
            && rows.iter().zip(&batch.entries).zip(self.head.0 + 1..).all(|((row, out), position)| {
                row.position == Position(position) && row.entry.encode() == out.entry.encode()
            });
        info!(shard = %self.shard, landed, "the outcome of an append is known");
        if landed {
            Resolved::Landed(tenure)
        } else if tenure.head == self.head {
            Resolved::NotLanded(tenure)
        } else {
            Resolved::Overtaken
        }
    }

    /// Puts the batch's requests back in their order and takes the shard anew (protocol rule 2).
    pub(super) async fn start_over(&mut self, batch: Batch) {
        for (request, _) in batch.decided.into_iter().rev() {
            self.backlog.push_front(request);
        }
        self.absent_conversations.clear();
        self.take_over().await;
    }
}

/// Pauses that grow up to a second.
pub(super) struct Pauses(Duration);

impl Pauses {
    pub(super) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    pub(super) async fn pause(&mut self, error: &StoreError, doing: &'static str) {
        warn!(%error, doing, "the store does not answer");
        sleep(self.0).await;
        self.0 = LONGEST_PAUSE.min(self.0 * 2);
    }
}
