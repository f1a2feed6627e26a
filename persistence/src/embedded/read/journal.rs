//! The journal's tail: pointers, and the log rows that they point to.

use longwave_model::{Epoch, Position, ShardId};

use crate::embedded::Embedded;
use crate::embedded::keys;
use crate::embedded::log_row::LogRow;
use crate::embedded::pointers::Pointers;
use crate::embedded::tables::{Table, damaged};
use crate::error::StoreError;
use crate::journal::JournalRow;

impl Embedded {
    /// The fence of a shard's owner.
    pub(in crate::embedded) fn read_epoch(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        Ok(self.shared.view()?.statics(shard)?.epoch)
    }

    /// Rows above `after` and above what is trimmed. One whose entry is past retention is left out.
    pub(in crate::embedded) fn read_tail(
        &self,
        shard: ShardId,
        after: Position,
        limit: usize,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let view = self.shared.view()?;
        let statics = view.statics(shard)?;
        let after = after.max(statics.trimmed).0;
        let mut tail = Vec::new();
        let first = keys::journal(shard, after.saturating_add(1));
        let last = keys::journal(shard, u64::MAX);
        for row in view.range(Table::Journal, &first, &last) {
            let (key, row) = row?;
            let (_, last) = keys::parse_journal(&key).ok_or_else(|| damaged(Table::Journal, "a key is not one"))?;
            let pointers = Pointers::decode(&row)
                .ok_or_else(|| damaged(Table::Journal, format!("shard {shard}, position {last}")))?;
            let mut position = pointers.first(last);
            for (conversation, seq) in &pointers.entries {
                if position.0 > after {
                    if tail.len() == limit {
                        return Ok(tail);
                    }
                    let row = view.get(Table::Log, &keys::log(conversation, seq.0))?;
                    let entry = row.map(|row| LogRow::decode(&row)).transpose()?.and_then(LogRow::entry);
                    tail.extend(entry.map(|entry| JournalRow { position, entry }));
                }
                position.0 += 1;
            }
        }
        Ok(tail)
    }
}
