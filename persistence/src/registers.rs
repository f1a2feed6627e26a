//! Registers: small values changed by compare-and-set, for settings of users and devices, accounts, block lists.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::StoreError;

/// A register's value and version. Versions count 1, 2, 3 …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub value: Bytes,
    /// Its version.
    pub version: u64,
}

/// What a writer expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there.
    Any,
    /// Nothing.
    Absent,
    /// This version.
    Version(u64),
}

impl Expected {
    /// Whether that is what is stored.
    pub(crate) fn is_met_by(self, stored: Option<&Versioned>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => stored.is_none(),
            Self::Version(wanted) => stored.is_some_and(|stored| stored.version == wanted),
        }
    }
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// Durable; the version it has now.
    Stored(u64),
    /// Somebody else was first; what is there now.
    Conflict(Option<Versioned>),
}

/// All registers. Keys are `/`-separated paths of ids: `user/alice/password`.
#[async_trait]
pub trait Registers: Send + Sync {
    /// Reads one.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError>;

    /// Writes one; `None` removes it.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    async fn put(&self, key: &str, value: Option<Bytes>, expected: Expected) -> Result<Put, StoreError>;

    /// Keys that begin with `prefix` and come after `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<(String, Versioned)>, StoreError>;
}
