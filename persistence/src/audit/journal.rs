//! One shard's journal: dense above what is trimmed, and pointing to entries that are there.

use longwave_model::{ShardId, shard_of};

use super::{Audit, Finding};
use crate::error::StoreError;

impl Audit<'_> {
    pub(super) fn check_journal(&mut self, shard: ShardId) -> Result<(), StoreError> {
        let (trimmed, head) = self.survey.journal_bounds(shard)?;
        let applied = self.survey.applied(shard)?;
        let mut expected = trimmed.0 + 1;
        for row in self.survey.journal(shard) {
            let (position, conversation, seq) = row?;
            // Trimmed rows may come back; they are ignored (protocol rule 5).
            if position <= trimmed {
                continue;
            }
            self.summary.journal += 1;
            let at = |what: String| Finding::at(&conversation, seq, what);
            if position.0 != expected {
                self.report(at(format!("shard {shard}: position {expected} is missing before {}", position.0)));
            }
            expected = position.0 + 1;
            if position > head {
                let what = format!("shard {shard}: position {} is above the head {}", position.0, head.0);
                self.report(at(what));
            }
            if shard_of(&conversation, self.survey.shards()) != shard {
                self.report(at(format!("shard {shard}: the conversation belongs to another")));
            }
            let floor = self.survey.head(&conversation)?.map_or(0, |head| head.floor.0);
            if position <= applied && seq.0 > floor && !self.survey.has_log_row(&conversation, seq)? {
                self.report(at(format!("shard {shard}: position {} points to no log row", position.0)));
            }
        }
        if expected <= head.0 {
            let what = format!("shard {shard}: the journal ends at {}, its head is {}", expected - 1, head.0);
            self.report(Finding::anywhere(what));
        }
        Ok(())
    }
}
