//! How a push ended.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it. That is not a promise that the device shows it.
    Sent {
        /// The provider's name for it (`apns-id`, FCM's message name, the last part of the push message's URL), if it gave one.
        provider_id: Option<String>,
    },
    /// The provider knows no such device any more.
    TokenGone {
        /// Unix milliseconds since when, where the provider tells; a token that was registered later is still good.
        at: Option<u64>,
    },
    /// Not ended: nothing could be done within [`super::RetrySettings::patience`]. Send it again then.
    Retry {
        /// When it is worth trying again.
        after: Option<Duration>,
        /// What was in the way.
        reason: Reason,
    },
    /// It will never be taken as it is.
    Failed {
        /// What the provider said.
        reason: Reason,
    },
    /// It would have come too late.
    Expired,
}

/// An [`Outcome`] without its details, for counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeKind {
    /// [`Outcome::Sent`].
    Sent,
    /// [`Outcome::TokenGone`].
    TokenGone,
    /// [`Outcome::Retry`].
    Retry,
    /// [`Outcome::Failed`].
    Failed,
    /// [`Outcome::Expired`].
    Expired,
}

impl OutcomeKind {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 5] = [Self::Sent, Self::TokenGone, Self::Retry, Self::Failed, Self::Expired];

    /// The word for it in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::TokenGone => "token_gone",
            Self::Retry => "retry",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

impl Outcome {
    /// It without its details.
    #[must_use]
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Sent { .. } => OutcomeKind::Sent,
            Self::TokenGone { .. } => OutcomeKind::TokenGone,
            Self::Retry { .. } => OutcomeKind::Retry,
            Self::Failed { .. } => OutcomeKind::Failed,
            Self::Expired => OutcomeKind::Expired,
        }
    }

    /// Whether nothing more is to be done. Only [`Outcome::Retry`] is not.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.kind() != OutcomeKind::Retry
    }
}

/// Why, in a word or two: a provider's code (`BadTopic`) or ours (`no answer in time`). Safe to log and to keep: what a provider wrote is
/// cut to 64 plain characters, the causes of a connection that failed to 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(Cow<'static, str>);

/// Longest text of others that is kept.
const FOREIGN: usize = 64;
/// Longest text of an error's causes.
const CAUSES: usize = 200;

impl Reason {
    /// A text of ours.
    pub(crate) const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// A text of ours with what varies, which must be no secret.
    pub(crate) fn with(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// A code that a provider wrote; anything else than a plain word becomes `_`.
    pub(crate) fn foreign(text: &str) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_-. ".contains(c) { c } else { '_' };
        Self(Cow::Owned(text.chars().take(FOREIGN).map(plain).collect()))
    }

    /// The causes of an error, which may quote what the other side sent (the names in a certificate).
    pub(crate) fn causes(text: &str) -> Self {
        let plain = |c: char| if c.is_control() { '_' } else { c };
        Self(Cow::Owned(text.chars().take(CAUSES).map(plain).collect()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_made_harmless() {
        assert_eq!(Reason::foreign("BadTopic").as_str(), "BadTopic");
        assert_eq!(Reason::foreign("a\nb\"é").as_str(), "a_b__");
        assert_eq!(Reason::foreign(&"x".repeat(1000)).as_str().len(), FOREIGN);
        assert_eq!(Reason::causes(&"\n".repeat(1000)).as_str(), "_".repeat(CAUSES));
    }

    #[test]
    fn kinds_are_listed_in_order() {
        for (at, kind) in OutcomeKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }
}
