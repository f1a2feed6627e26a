//! Why Redis did not do what it was asked, and how what the driver says becomes that.

use std::sync::Arc;

use longwave_model::ErrorCode;
use redis::{ErrorKind, ServerError};

/// Why Redis did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RedisError {
    /// The settings cannot be right.
    #[error("{0}")]
    Setting(Arc<str>),
    /// Away, not reachable, too slow, loading, or between two masters. Later may be better; whether a write was done is not known.
    #[error("redis: {0}")]
    Unavailable(Arc<str>),
    /// It answers and says no: wrong user or password, a permission that is missing, no memory left, not a Redis of version 7.
    #[error("redis refuses: {0}")]
    Refused(Arc<str>),
}

/// Errors of a server that pass by themselves.
const PASSING: [&str; 7] = ["LOADING", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "BUSY", "READONLY", "UNKILLABLE"];

impl RedisError {
    /// The number under which this is documented.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Setting(_) => ErrorCode::BadSetting,
            Self::Unavailable(_) => ErrorCode::RedisUnavailable,
            Self::Refused(_) => ErrorCode::RedisRefused,
        }
    }

    pub(super) fn setting(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::Setting(format!("redis.{name}: {reason}").into())
    }

    /// A server that cannot be reached.
    pub(super) fn away(address: &str, reason: impl std::fmt::Display) -> Self {
        Self::Unavailable(format!("{address}: {reason}").into())
    }

    /// What the driver says.
    pub(super) fn of_driver(address: &str, error: &redis::RedisError) -> Self {
        let refused = match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::RESP3NotSupported => true,
            ErrorKind::Io => false,
            _ => error.code().is_some_and(|code| !PASSING.contains(&code)),
        };
        let reason = format!("{address}: {error}").into();
        if refused { Self::Refused(reason) } else { Self::Unavailable(reason) }
    }

    /// What a server answers instead of a value.
    pub(super) fn of_server(address: &str, error: &ServerError) -> Self {
        let reason = format!("{address}: {} {}", error.code(), error.details().unwrap_or_default());
        let reason: Arc<str> = reason.trim_end().into();
        if PASSING.contains(&error.code()) { Self::Unavailable(reason) } else { Self::Refused(reason) }
    }

    /// An answer of another kind than the command has.
    pub(super) fn odd(what: &str) -> Self {
        Self::Refused(format!("the answer is no {what}").into())
    }
}
