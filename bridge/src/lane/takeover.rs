//! Becoming the owner of a shard: epoch, unapplied views, and what the retained tail says about recent publishes (protocol rule 3).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use longwave_model::Position;
use longwave_persistence::{JournalRow, Tenure};
use tracing::debug;

use crate::apply::{apply, batch_views};
use crate::lane::Lane;
use crate::lane::applier::fan_out;
use crate::lane::batch::Batch;
use crate::lane::commit::Pauses;
use crate::lane::hand_over::HandOver;
use crate::lane::load::conversation;
use crate::lane::settle::Progress;
use crate::stats::count;

/// Rows read back at most to fill the memory of recent publishes.
const TAIL_ROWS: u64 = 10_000;
/// How far back in time they reach, in milliseconds: further than any connection waits for an answer.
const TAIL_MILLIS: u64 = 10_000;
/// Rows of one read.
const TAIL_PAGE: usize = 256;

impl Lane {
    /// Takes the shard and makes memory and views agree with its journal.
    pub(super) async fn take_over(&mut self) {
        // Views that are under way are those of an earlier tenure.
        self.drain().await;
        self.memory.clear();
        let tenure = self.take().await;
        self.epoch = tenure.epoch;
        self.head = tenure.head;
        self.hand_over = HandOver::start(&self.parts, self.shard, &tenure);
        let ledger = self.hand_over.as_ref().map(HandOver::ledger);
        self.progress = Progress::new(&tenure, (self.parts.clock)(), ledger);
        self.told.clear();
        self.apply_rest(&tenure).await;
        self.applied(tenure.head, self.parts.bus.flushed());
        // Loaded while views were behind.
        self.memory.clear();
        self.remember_tail(&tenure).await;
        if !self.hold.is_owned() {
            self.parts.stats.owned.fetch_add(1, Relaxed);
        }
        self.hold.confirm();
        self.parts.owned.set(self.shard, true);
        count(&self.parts.stats.takeovers);
        debug!(shard = %self.shard, epoch = tenure.epoch.0, head = tenure.head.0, "shard taken");
    }

    /// Raises the epoch until that is known to have happened.
    pub(super) async fn take(&mut self) -> Tenure {
        let mut pauses = Pauses::new();
        loop {
            match self.parts.store.take(self.shard, self.parts.owner).await {
                Ok(tenure) => return tenure,
                Err(error) => pauses.pause(&error, "taking a shard").await,
            }
        }
    }

    /// Journal rows above `after`, however long it takes to read them.
    pub(super) async fn tail(&self, after: Position, limit: usize) -> Vec<JournalRow> {
        let mut pauses = Pauses::new();
        loop {
            match self.parts.store.tail(self.shard, after, limit).await {
                Ok(rows) => return rows,
                Err(error) => pauses.pause(&error, "reading a journal").await,
            }
        }
    }

    /// Stores the views of rows above `applied`. What a former owner stored of them is written once more, which changes nothing.
    async fn apply_rest(&mut self, tenure: &Tenure) {
        let mut applied = tenure.watermarks.applied;
        while applied < tenure.head {
            let rows = self.tail(applied, self.parts.settings.append_entries).await;
            let Some(last) = rows.last().map(|row| row.position) else { break };
            let mut batch = Batch::default();
            for row in rows {
                let id = row.entry.conversation.clone();
                if self.memory.conversations.get(&id).is_none() {
                    let mut pauses = Pauses::new();
                    let loaded = loop {
                        match conversation(&*self.parts.store, &self.parts.settings, &id).await {
                            Ok(loaded) => break loaded,
                            Err(error) => pauses.pause(&error, "reading a conversation").await,
                        }
                    };
                    self.memory.conversations.put(id.clone(), loaded);
                }
                if let Some(conversation) = self.memory.conversations.get(&id) {
                    batch.push(conversation, Arc::unwrap_or_clone(row.entry), None);
                }
            }
            apply(&*self.parts.store, batch_views(&batch.appended())).await;
            // Repeats the wake-ups: whoever has them already ignores them.
            fan_out(&*self.parts.bus, &batch.entries);
            applied = last;
        }
    }

    /// Fills the memory of recent publishes from the end of the journal, as far back as it may matter.
    async fn remember_tail(&mut self, tenure: &Tenure) {
        let oldest = Position(tenure.trimmed.0.max(tenure.head.0.saturating_sub(TAIL_ROWS)));
        let mut rows = Vec::new();
        let mut from = tenure.head;
        while from > oldest {
            let after = Position(oldest.0.max(from.0.saturating_sub(TAIL_PAGE as u64)));
            let count = usize::try_from(from.0 - after.0).unwrap_or(TAIL_PAGE);
            let page = self.tail(after, count).await;
            from = after;
            let old = page.first().is_none_or(|row| row.entry.ts.saturating_add(TAIL_MILLIS) < tenure.last_commit);
            rows.push(page);
            if old {
                break;
            }
        }
        for row in rows.iter().rev().flatten() {
            self.memory.learn_from_tail(&row.entry);
        }
    }
}
