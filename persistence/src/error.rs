//! What can go wrong between us and a store. A failed read is an error, never an empty answer (protocol rule 2).

use std::sync::Arc;

/// Why a store did not do what it was asked. Cheap to clone, because one failed commit answers many waiters.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Not reachable, or being opened again. Trying later may help; for a write the outcome may be unknown.
    #[error("the store is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// Free space is below the mark; nothing was written.
    #[error("the disk is nearly full: {free} bytes free, the mark is {mark}")]
    DiskFull {
        /// Bytes free.
        free: u64,
        /// Bytes that must stay free.
        mark: u64,
    },
    /// A row cannot be read back.
    #[error("damaged row in table {table}: {reason}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        reason: Arc<str>,
    },
}
