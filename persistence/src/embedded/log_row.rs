//! A log row: an entry, or what is left of one that expired.
//!
//! An expired entry leaves its time behind, so that a missing row is always a loss and never a matter of opinion.

use std::sync::Arc;

use bytes::Bytes;
use longwave_model::Entry;

use super::tables::{Table, damaged};
use crate::error::StoreError;

/// A log row.
pub(super) enum LogRow {
    /// An entry.
    Entry(Arc<Entry>),
    /// Expired and removed.
    Removed {
        /// Unix time in milliseconds at which it got its seq.
        ts: u64,
    },
}

impl LogRow {
    /// Takes a row back. No entry is as short as a time.
    pub(super) fn decode(row: &[u8]) -> Result<Self, StoreError> {
        if let Some(ts) = super::rows::parse_one(row) {
            return Ok(Self::Removed { ts });
        }
        let entry = Entry::decode(Bytes::copy_from_slice(row));
        entry.map(|entry| Self::Entry(Arc::new(entry))).map_err(|error| damaged(Table::Log, error.to_string()))
    }

    /// The entry, if it has not been removed.
    pub(super) fn entry(self) -> Option<Arc<Entry>> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Removed { .. } => None,
        }
    }

    /// When it got its seq.
    pub(super) fn ts(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.ts,
            Self::Removed { ts } => *ts,
        }
    }
}

/// What stays of an entry that is removed.
pub(super) fn removed(ts: u64) -> Vec<u8> {
    ts.to_be_bytes().to_vec()
}
