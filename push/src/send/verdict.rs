//! What one attempt means, before retries and breakers have their say.

use std::time::Duration;

use super::Reason;
use super::connector::NOT_PUBLIC;
use super::http::NoAnswer;

/// What one attempt means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Sent {
        provider_id: Option<String>,
    },
    TokenGone {
        at: Option<u64>,
    },
    /// Only this notification is at fault.
    Failed(Reason),
    /// May fit without its text.
    TooLarge,
    /// Not now.
    Again {
        after: Option<Duration>,
        reason: Reason,
        /// Whether it tells of the provider's health (and counts for the breaker), or only of this device or our own pace.
        unwell: bool,
    },
    /// The credential or the settings of the application are wrong: every notification of it would meet the same, so nothing is held
    /// against this one.
    AppBroken(Reason),
}

impl Verdict {
    /// The provider is away or unwell.
    pub(crate) fn unwell(reason: Reason, after: Option<Duration>) -> Self {
        Self::Again { after, reason, unwell: true }
    }

    /// Later, for a reason that is not the provider's health.
    pub(crate) fn later(reason: Reason, after: Option<Duration>) -> Self {
        Self::Again { after, reason, unwell: false }
    }

    pub(crate) fn failed(reason: &'static str) -> Self {
        Self::Failed(Reason::new(reason))
    }
}

impl From<NoAnswer> for Verdict {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Away(reason) => Self::unwell(reason, None),
            NoAnswer::NotPublic => Self::failed(NOT_PUBLIC),
        }
    }
}
