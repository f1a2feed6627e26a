//! A conversation that a user does not want to be woken for.

use serde::{Deserialize, Serialize};

/// A muted conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Unix time in milliseconds at which it ends by itself; `None` = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Messages that mention the user wake all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub except_mentions: bool,
}

impl Mute {
    /// Whether a message wakes nobody at this time (Unix milliseconds).
    #[must_use]
    pub fn silences(&self, mentioned: bool, now: u64) -> bool {
        self.until.is_none_or(|until| now < until) && !(mentioned && self.except_mentions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mute_ends_and_may_let_mentions_through() {
        let until = Mute { until: Some(100), except_mentions: true };
        assert!(until.silences(false, 99) && !until.silences(false, 100) && !until.silences(true, 99));
        let always = Mute { until: None, except_mentions: false };
        assert!(always.silences(true, u64::MAX));
    }
}
