//! How far a shard's journal is done with, and when its oldest rows may go.
//!
//! `applied` follows the views, `settled` what is recorded of pushes, never past `applied`. Where nobody wakes devices they are one.

use std::collections::VecDeque;
use std::sync::Arc;

use longwave_model::Position;
use longwave_persistence::{Append, Outcome, Tenure, Watermarks};
use tracing::warn;

use crate::lane::Lane;
use crate::lane::batch::Batch;
use crate::lane::ledger::Ledger;

/// How far apart the moments are at which the end of the journal is noted, in milliseconds.
const NOTE_MILLIS: u64 = 60_000;

/// A lane's watermarks and the journal's age.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    applied: Position,
    /// What was settled when the shard was taken.
    settled: Position,
    ledger: Option<Arc<Ledger>>,
    stored: Watermarks,
    /// When the journal ended where, oldest first.
    notes: VecDeque<(u64, Position)>,
}

impl Progress {
    pub(crate) fn new(tenure: &Tenure, now: u64, ledger: Option<Arc<Ledger>>) -> Self {
        let Watermarks { applied, settled } = tenure.watermarks;
        let notes = VecDeque::from([(now, tenure.head)]);
        Self { applied, settled, ledger, stored: tenure.watermarks, notes }
    }

    /// Views are stored up to here, and those online have been told.
    pub(crate) fn applied(&mut self, position: Position) {
        self.applied = position;
    }

    /// What the next append carries along.
    pub(crate) fn done(&self) -> Watermarks {
        let settled = self.ledger.as_ref().map_or(self.applied, |ledger| ledger.settled());
        Watermarks { applied: self.applied, settled: settled.min(self.applied).max(self.settled) }
    }

    /// An append has carried these.
    pub(crate) fn stored(&mut self, watermarks: Watermarks) {
        self.stored = watermarks;
    }

    /// Notes where the journal ends now; returns how far rows may go that every watermark has passed and that are old enough.
    fn trim(&mut self, now: u64, head: Position, keep_millis: u64) -> Option<Position> {
        if self.notes.back().is_none_or(|(noted, _)| now >= noted + NOTE_MILLIS) {
            self.notes.push_back((now, head));
        }
        let passed = self.stored.applied.min(self.stored.settled);
        let mut through = None;
        while let Some((noted, position)) = self.notes.front()
            && noted + keep_millis <= now
        {
            through = Some(passed.min(*position));
            self.notes.pop_front();
        }
        through
    }
}

impl Lane {
    /// Stores watermarks that no append has carried, and trims.
    pub(crate) async fn settle(&mut self) {
        self.note_told();
        let watermarks = self.progress.done();
        if watermarks != self.progress.stored {
            let (shard, epoch, head) = (self.shard, self.epoch, self.head);
            let append = Append { shard, epoch, head, entries: Vec::new(), watermarks };
            match self.parts.store.append(append).await {
                Outcome::Applied => self.progress.stored(watermarks),
                Outcome::NotApplied => {
                    self.lost(Batch::default()).await;
                    return;
                }
                // A late statement of this epoch might still land: a new epoch fences it.
                Outcome::Unknown(_) => self.take_over().await,
                Outcome::Rejected(error) => warn!(shard = %self.shard, %error, "watermarks cannot be stored"),
            }
        }
        self.trim().await;
    }

    /// Drops rows that nobody needs any more.
    pub(crate) async fn trim(&mut self) {
        let now = (self.parts.clock)();
        if let Some(through) = self.progress.trim(now, self.head, self.parts.settings.journal_millis)
            && let Err(error) = self.parts.store.trim(self.shard, through).await
        {
            warn!(shard = %self.shard, %error, "a journal cannot be trimmed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_when_they_are_old_and_durably_done_with() {
        let tenure = Tenure {
            epoch: longwave_model::Epoch(1),
            head: Position(0),
            watermarks: Watermarks::default(),
            trimmed: Position(0),
            last_commit: 0,
        };
        let mut progress = Progress::new(&tenure, 0, None);
        progress.applied(Position(90));
        assert_eq!(progress.trim(60_000, Position(100), 3_600_000), None);
        assert_eq!(progress.trim(3_600_000, Position(500), 3_600_000), Some(Position(0)));
        assert_eq!(progress.trim(3_660_000, Position(500), 3_600_000), Some(Position(0)), "no watermark is stored");
        progress.stored(Watermarks { applied: Position(600), settled: Position(300) });
        assert_eq!(progress.trim(3_661_000, Position(500), 3_600_000), None, "not old enough");
        assert_eq!(progress.trim(7_200_000, Position(700), 3_600_000), Some(Position(300)), "never above a watermark");
    }
}
