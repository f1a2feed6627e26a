//! Ownership of shards, and trimming their journals.

use longwave_model::{Epoch, OwnerId, Position, ShardId};

use super::Stage;
use crate::embedded::keys;
use crate::embedded::tables::{Table, damaged};
use crate::error::StoreError;
use crate::invariant::may_trim;
use crate::journal::Tenure;

/// Journal rows removed by one commit at most.
const TRIM_ROWS: usize = 4096;

impl Stage<'_> {
    /// Raises the epoch, which fences every earlier owner.
    pub(super) fn take(&mut self, shard: ShardId, owner: OwnerId) -> Tenure {
        let index = usize::from(shard.0);
        let statics = &mut self.statics[index];
        statics.epoch = Epoch(statics.epoch.0 + 1);
        statics.owner = owner;
        self.touched[index] = true;
        Tenure {
            epoch: statics.epoch,
            head: statics.head,
            watermarks: statics.watermarks,
            trimmed: statics.trimmed,
            last_commit: self.boot.last_commit,
        }
    }

    /// Removes journal rows at or below `through` and every watermark; answers whether more remain.
    pub(super) fn trim(&mut self, shard: ShardId, through: Position) -> Result<bool, StoreError> {
        let index = usize::from(shard.0);
        let statics = self.statics[index];
        let bound = through.min(statics.watermarks.applied).min(statics.watermarks.settled);
        if bound <= statics.trimmed {
            return Ok(false);
        }
        let view = self.tables.view();
        let (first, last) = (keys::journal(shard, statics.trimmed.0), keys::journal(shard, bound.0));
        let mut doomed = Vec::new();
        for row in view.range(Table::Journal, &first, &last).take(TRIM_ROWS) {
            doomed.push(row?.0);
        }
        let more = doomed.len() == TRIM_ROWS;
        let trimmed = match doomed.last() {
            Some(key) if more => keys::parse_journal(key).ok_or_else(|| damaged(Table::Journal, "a key is not one"))?.1,
            _ => bound.0,
        };
        debug_assert!(may_trim(Position(trimmed), statics.watermarks));
        for key in doomed {
            self.batch.remove(self.tables.keyspace(Table::Journal), key);
        }
        self.statics[index].trimmed = Position(trimmed);
        self.touched[index] = true;
        Ok(more)
    }
}
