//! Starts the log on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Why the log did not start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("log.level {filter:?}: {reason}")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Started twice.
    #[error("the log is started already")]
    Twice,
}

/// Starts the log with a filter in the syntax of `EnvFilter`, as text or as JSON lines.
///
/// # Errors
/// [`LogError`] when the filter is wrong or the log was started before.
pub fn start_log(filter: &str, json: bool) -> Result<(), LogError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|reason| LogError::Filter { filter: filter.to_owned(), reason: reason.to_string() })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = if json { builder.json().try_init() } else { builder.try_init() };
    started.map_err(|_| LogError::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_named() {
        assert!(matches!(start_log("info,=", false), Err(LogError::Filter { filter, .. }) if filter == "info,="));
    }
}
