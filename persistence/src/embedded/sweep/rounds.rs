//! Goes round large tables a part at a time, remembering where it was.

use fjall::Slice;

use crate::embedded::tables::{Table, View};
use crate::error::StoreError;

/// Where each round stands. Lost at a restart, which only begins the round again.
#[derive(Debug, Default)]
pub(in crate::embedded) struct Rounds {
    after: Vec<(Table, Vec<u8>)>,
}

impl Rounds {
    /// The next rows of a table, from its beginning again after its end.
    pub(super) fn part(&mut self, view: &View, table: Table, limit: usize) -> Result<Vec<(Slice, Slice)>, StoreError> {
        let at = match self.after.iter().position(|(known, _)| *known == table) {
            Some(at) => at,
            None => {
                self.after.push((table, Vec::new()));
                self.after.len() - 1
            }
        };
        let rows: Vec<_> = view.after(table, &self.after[at].1).take(limit).collect::<Result<_, StoreError>>()?;
        self.after[at].1 = match rows.last() {
            Some((key, _)) if rows.len() == limit => key.to_vec(),
            _ => Vec::new(),
        };
        Ok(rows)
    }

    /// Goes on behind `key` next time, because the rest of the part was not dealt with.
    pub(super) fn resume_after(&mut self, table: Table, key: &[u8]) {
        if let Some((_, after)) = self.after.iter_mut().find(|(known, _)| *known == table) {
            *after = key.to_vec();
        }
    }
}
