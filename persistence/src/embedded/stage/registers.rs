//! Compare-and-set of registers.

use bytes::Bytes;

use super::Stage;
use crate::embedded::rows;
use crate::embedded::tables::{Table, damaged};
use crate::error::StoreError;
use crate::registers::{Expected, Put};

impl Stage<'_> {
    pub(super) fn put_register(
        &mut self,
        key: &str,
        value: Option<Bytes>,
        expected: Expected,
    ) -> Result<Put, StoreError> {
        let (version, stored) = match self.read(Table::Register, key.as_bytes())? {
            Some(row) => rows::parse_register(&row).ok_or_else(|| damaged(Table::Register, key.to_owned()))?,
            None => (0, None),
        };
        if !expected.is_met_by(stored.as_ref()) {
            return Ok(Put::Conflict(stored));
        }
        if value.is_none() && stored.is_none() {
            return Ok(Put::Stored(version));
        }
        let row = rows::register(version + 1, value.as_deref());
        self.write(Table::Register, key.as_bytes().to_vec(), Some(row));
        Ok(Put::Stored(version + 1))
    }
}
