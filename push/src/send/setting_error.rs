//! A setting or a credential that cannot be used.

/// A setting or a credential that cannot be used. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct SettingError {
    name: String,
    problem: String,
}

impl SettingError {
    pub(crate) fn new(name: impl Into<String>, problem: impl ToString) -> Self {
        Self { name: name.into(), problem: problem.to_string() }
    }

    /// The same, with the application that it belongs to.
    pub(crate) fn of(self, app: &super::AppId) -> Self {
        Self { name: format!("{app}: {}", self.name), ..self }
    }
}
