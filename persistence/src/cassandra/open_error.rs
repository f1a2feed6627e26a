//! Why the store on Cassandra cannot be used. Each says what to do, because the reader is an operator.

use longwave_model::ErrorCode;

/// Why the store on Cassandra cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CassandraError {
    /// No node answers, or none lets us in.
    #[error("Cassandra at {nodes} cannot be reached: {reason}")]
    Unreachable {
        /// The contact points.
        nodes: String,
        /// What the driver says.
        reason: String,
    },
    /// A statement of the schema failed.
    #[error("the schema of keyspace {keyspace} cannot be read or made: {reason}")]
    Statement {
        /// The keyspace.
        keyspace: String,
        /// What Cassandra says.
        reason: String,
    },
    /// The keyspace is not there, or older than this release needs.
    #[error("keyspace {keyspace} has schema version {found}, this release needs {needed}; run `longwave schema` first")]
    SchemaMissing {
        /// The keyspace.
        keyspace: String,
        /// The version found; 0 when there is none.
        found: u32,
        /// The version needed.
        needed: u32,
    },
    /// A newer release made it.
    #[error("keyspace {keyspace} has schema version {found}, this release knows up to {known}; run the newer release")]
    NewerSchema {
        /// The keyspace.
        keyspace: String,
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// It was made for another number of shards.
    #[error("the keyspace was made with {stored} shards, the settings say {asked}; set {stored}")]
    ShardMismatch {
        /// Number it was made with.
        stored: u16,
        /// Number asked for.
        asked: u16,
    },
    /// The settings cannot be right.
    #[error("{0}")]
    Setting(String),
}

impl CassandraError {
    /// The number under which this is documented.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unreachable { .. } | Self::Statement { .. } => ErrorCode::StoreUnavailable,
            Self::SchemaMissing { .. } => ErrorCode::SchemaMissing,
            Self::NewerSchema { .. } => ErrorCode::NewerFormat,
            Self::ShardMismatch { .. } => ErrorCode::ShardMismatch,
            Self::Setting(_) => ErrorCode::BadSetting,
        }
    }
}
