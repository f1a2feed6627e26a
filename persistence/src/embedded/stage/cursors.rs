//! Cursors and marks: max registers.

use super::Stage;
use crate::cursors::{CursorRaise, Mark, MarkRaise};
use crate::embedded::keys;
use crate::embedded::rows;
use crate::embedded::tables::{Table, damaged};
use crate::error::StoreError;
use longwave_model::Seq;

impl Stage<'_> {
    pub(super) fn raise(&mut self, cursors: &[CursorRaise], marks: &[MarkRaise]) -> Result<(), StoreError> {
        for cursor in cursors {
            let key = keys::cursor(&cursor.user, &cursor.device, &cursor.conversation);
            let stored = match self.read(Table::Cursor, &key)? {
                Some(row) => Some(
                    rows::parse_one(&row)
                        .ok_or_else(|| damaged(Table::Cursor, format!("{}, {}", cursor.user, cursor.device)))?,
                ),
                None => None,
            };
            if stored.is_none_or(|stored| stored < cursor.seq.0) {
                self.write(Table::Cursor, key, Some(cursor.seq.0.to_be_bytes().to_vec()));
            }
        }
        marks.iter().try_for_each(|mark| self.raise_mark(mark))
    }

    fn raise_mark(&mut self, raise: &MarkRaise) -> Result<(), StoreError> {
        let key = keys::pair(raise.conversation.as_str(), raise.user.as_str());
        let nothing = Mark { user: raise.user.clone(), delivered: Seq(0), read: Seq(0), ts: 0 };
        let stored = match self.read(Table::Mark, &key)? {
            Some(row) => rows::parse_mark(raise.user.clone(), &row)
                .ok_or_else(|| damaged(Table::Mark, format!("{}, {}", raise.conversation, raise.user)))?,
            None => nothing,
        };
        let (delivered, read) = (stored.delivered.max(raise.delivered), stored.read.max(raise.read));
        if (delivered, read) != (stored.delivered, stored.read) {
            self.write(Table::Mark, key, Some(rows::mark(delivered, read, raise.ts.max(stored.ts))));
        }
        Ok(())
    }
}
