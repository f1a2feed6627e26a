//! Which topics carry a pair's messages, so that the same pattern runs on a server that routes and on one that translates.
//!
//! Longwave delivers what user `a` publishes to `u/a/c/@b/raw` to user `b` as `u/b/c/@a/raw`. A plain broker only routes, so there
//! the sender publishes straight to the topic that the receiver gets. Filter, delivered topic and bytes on the wire are the same.

use clap::ValueEnum;

/// Where a sender publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TopicScheme {
    /// To the own user's view of the conversation; the server translates.
    Longwave,
    /// To the receiver's topic; any broker routes that.
    Plain,
}

impl TopicScheme {
    /// The topic that user `from` publishes to so that user `to` gets it.
    #[must_use]
    pub fn publish_topic(self, from: usize, to: usize) -> String {
        match self {
            Self::Longwave => format!("u/{}/c/@{}/raw", user(from), user(to)),
            Self::Plain => delivered_topic(from, to),
        }
    }
}

/// The topic under which user `to` gets what user `from` sent.
#[must_use]
pub fn delivered_topic(from: usize, to: usize) -> String {
    format!("u/{}/c/@{}/raw", user(to), user(from))
}

/// The filter that a user's device subscribes.
#[must_use]
pub fn filter(index: usize) -> String {
    format!("u/{}/c/+/raw", user(index))
}

/// The name of a user.
#[must_use]
pub fn user(index: usize) -> String {
    format!("u{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemes_deliver_to_the_same_topic() {
        assert_eq!(TopicScheme::Longwave.publish_topic(1, 2), "u/u1/c/@u2/raw");
        assert_eq!(TopicScheme::Plain.publish_topic(1, 2), "u/u2/c/@u1/raw");
        assert_eq!(delivered_topic(1, 2), "u/u2/c/@u1/raw");
        assert_eq!(filter(2), "u/u2/c/+/raw");
    }
}
