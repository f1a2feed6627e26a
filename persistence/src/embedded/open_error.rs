//! Why a store does not open. Each says what to do, because the reader is an operator whose server is down.

use std::io;
use std::path::PathBuf;

use longwave_model::ErrorCode;

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the store {path} is in use by another process; stop that one first, or give this one a path of its own")]
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// A newer release wrote it.
    #[error(
        "the store has format {found}, this release knows up to {known}; run the newer release, or restore a backup made by this one"
    )]
    NewerFormat {
        /// Format of the store.
        found: u32,
        /// Newest format known here.
        known: u32,
    },
    /// It was created with another number of shards.
    #[error("the store was created with {stored} shards, the settings say {asked}; set {stored}")]
    ShardMismatch {
        /// Number it was created with.
        stored: u16,
        /// Number asked for.
        asked: u16,
    },
    /// A file cannot be what was written.
    #[error("the store is damaged: {file}: {reason}; {advice}", file = file.display())]
    Damaged {
        /// The file or folder.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// The operating system refused.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// For damage that only a backup heals.
pub(super) const RESTORE: &str =
    "keep a copy of the folder, then restore the latest backup into an empty one (`longwave restore`)";

impl OpenError {
    /// The number under which this is documented; `None` where the operating system's message says it all.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Locked { .. } => Some(ErrorCode::StoreLocked),
            Self::NewerFormat { .. } => Some(ErrorCode::NewerFormat),
            Self::ShardMismatch { .. } => Some(ErrorCode::ShardMismatch),
            Self::Damaged { .. } => Some(ErrorCode::StoreDamaged),
            Self::Io { .. } => None,
        }
    }

    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { path, error }
    }

    pub(super) fn damaged(file: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Damaged { file: file.into(), reason: reason.to_string(), advice: RESTORE }
    }
}
