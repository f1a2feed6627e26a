//! Push records: max registers by seq.

use super::Stage;
use crate::embedded::keys;
use crate::embedded::tables::{Table, damaged};
use crate::error::StoreError;
use crate::push_row;
use crate::pushes::PushRecord;

impl Stage<'_> {
    pub(super) fn record_pushes(&mut self, records: &[PushRecord]) -> Result<(), StoreError> {
        for record in records {
            let key = keys::cursor(&record.user, &record.device, &record.conversation);
            let stored = match self.read(Table::Push, &key)? {
                Some(row) => Some(
                    push_row::seq_and_ts(&row)
                        .ok_or_else(|| damaged(Table::Push, format!("{}, {}", record.user, record.device)))?
                        .0,
                ),
                None => None,
            };
            if stored.is_none_or(|stored| stored < record.seq) {
                self.write(Table::Push, key, Some(push_row::encode(record)));
            }
        }
        Ok(())
    }

    /// Deletes a record that ended before this time, unless a later one has taken its place since it was looked at.
    pub(super) fn forget_push(&mut self, key: Vec<u8>, before: u64) -> Result<(), StoreError> {
        let Some(row) = self.read(Table::Push, &key)? else { return Ok(()) };
        let (_, ts) = push_row::seq_and_ts(&row).ok_or_else(|| damaged(Table::Push, "a row does not decode"))?;
        if ts < before {
            self.write(Table::Push, key, None);
        }
        Ok(())
    }
}
