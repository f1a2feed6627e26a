//! Why the store on Cassandra cannot be used. Each says what to do, because the reader is an operator.

use longwave_model::ErrorCode;
use scylla::errors::{
    BrokenConnectionError, BrokenConnectionErrorKind, ConnectionError, ConnectionPoolError,
    ConnectionSetupRequestErrorKind, DbError, ExecutionError, MetadataError, NewSessionError, RequestAttemptError,
};

use super::config::CassandraConfig;

/// Why the store on Cassandra cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CassandraError {
    /// No node answers, or not in the way that the settings expect.
    #[error("Cassandra at {nodes} cannot be reached: {reason}")]
    Unreachable {
        /// The contact points.
        nodes: String,
        /// What the driver says.
        reason: String,
    },
    /// A node answers, and refuses.
    #[error("Cassandra at {nodes} refuses: {reason}")]
    Refused {
        /// The contact points.
        nodes: String,
        /// What it says, and what to do.
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
            Self::Refused { .. } => ErrorCode::CassandraRefused,
            Self::SchemaMissing { .. } => ErrorCode::SchemaMissing,
            Self::NewerSchema { .. } => ErrorCode::NewerFormat,
            Self::ShardMismatch { .. } => ErrorCode::ShardMismatch,
            Self::Setting(_) => ErrorCode::BadSetting,
        }
    }
}

/// Why no session could be opened. The driver's words are kept, and the setting that is probably at fault is put beside them.
pub(super) fn no_session(config: &CassandraConfig, error: &NewSessionError) -> CassandraError {
    let nodes = config.contact_points.join(", ");
    let NewSessionError::MetadataError(MetadataError::ConnectionPoolError(ConnectionPoolError::Broken {
        last_connection_error: last,
    })) = error
    else {
        return CassandraError::Unreachable { nodes, reason: error.to_string() };
    };
    match last {
        ConnectionError::ConnectionSetupRequestError(setup) => match &setup.error {
            ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError, says) => {
                CassandraError::Refused { nodes, reason: says.clone() }
            }
            ConnectionSetupRequestErrorKind::MissingAuthentication => CassandraError::Refused {
                nodes,
                reason: "it wants a password; set cassandra.user and cassandra.password_file".to_owned(),
            },
            ConnectionSetupRequestErrorKind::BrokenConnection(broken)
                if config.root_certificates.is_none() && !is_silence(broken) =>
            {
                let hint = "it may take TLS alone, then set cassandra.root_certificates";
                CassandraError::Unreachable { nodes, reason: format!("it ended the connection ({hint}): {last}") }
            }
            _ => CassandraError::Unreachable { nodes, reason: last.to_string() },
        },
        ConnectionError::IoError(io) => match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => CassandraError::Unreachable {
                nodes,
                reason: format!("TLS: {last}; is its authority in cassandra.root_certificates?"),
            },
            Some(rustls::Error::InvalidMessage(_)) => {
                CassandraError::Unreachable { nodes, reason: format!("TLS: {last}; what answers does not speak TLS") }
            }
            Some(_) => CassandraError::Unreachable { nodes, reason: format!("TLS: {last}") },
            None => CassandraError::Unreachable { nodes, reason: last.to_string() },
        },
        _ => CassandraError::Unreachable { nodes, reason: last.to_string() },
    }
}

/// Whether the node said nothing at all, as against having ended the connection.
fn is_silence(broken: &BrokenConnectionError) -> bool {
    matches!(broken.downcast_ref(), Some(BrokenConnectionErrorKind::KeepaliveTimeout(_)))
}

/// Why a statement of the schema failed.
pub(super) fn no_statement(config: &CassandraConfig, error: &ExecutionError) -> CassandraError {
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Unauthorized, says)) => {
            CassandraError::Refused { nodes: config.contact_points.join(", "), reason: says.clone() }
        }
        _ => CassandraError::Statement { keyspace: config.keyspace.clone(), reason: error.to_string() },
    }
}
