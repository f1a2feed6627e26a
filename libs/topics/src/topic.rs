//! Topic names: taken apart once per publish, put together once per delivery.

use longwave_model::{ConversationId, ErrorCode, IdError, Refusal, UserId};

use crate::encoding::Encoding;

/// What a topic name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// `u/{user}/c/{conversation}/{msg,json,raw}`: commands to the server, events to the device.
    Conversation {
        /// Whose view of the conversation.
        user: UserId,
        /// Canonical id; `@peer` has been resolved.
        conversation: ConversationId,
        /// How payloads are written.
        encoding: Encoding,
    },
    /// `u/{user}/rpc/{msg,json}`: requests to the server, responses to the device.
    Rpc {
        /// On whose behalf.
        user: UserId,
        /// How payloads are written; never [`Encoding::Raw`].
        encoding: Encoding,
    },
    /// `u/{user}/presence/{other}`: to the device only.
    Presence {
        /// Who is told.
        user: UserId,
        /// About whom.
        other: UserId,
    },
    /// Not under `u/`.
    Outside,
}

/// Takes a topic name apart. The caller has checked that it is a valid topic name, and compares the user with who asks.
///
/// # Errors
/// [`ErrorCode::UnknownTopic`] when it is under `u/` but has no meaning.
pub fn parse_topic(topic: &str) -> Result<Topic, Refusal> {
    let Some(rest) = topic.strip_prefix("u/") else {
        return Ok(Topic::Outside);
    };
    // One level more than any topic has, so that longer ones fall through to the end.
    let mut levels = rest.splitn(5, '/');
    let user = UserId::parse(levels.next().unwrap_or_default()).map_err(|error| bad("user", &error))?;
    match (levels.next(), levels.next(), levels.next(), levels.next()) {
        (Some("c"), Some(conversation), Some(encoding), None) => {
            let encoding =
                Encoding::from_level(encoding).ok_or_else(|| unknown("the last level must be msg, json or raw"))?;
            let conversation =
                ConversationId::resolve(conversation, &user).map_err(|error| bad("conversation", &error))?;
            Ok(Topic::Conversation { user, conversation, encoding })
        }
        (Some("rpc"), Some(encoding), None, None) => match Encoding::from_level(encoding) {
            Some(encoding @ (Encoding::Msg | Encoding::Json)) => Ok(Topic::Rpc { user, encoding }),
            _ => Err(unknown("requests go to u/{user}/rpc/json or u/{user}/rpc/msg")),
        },
        (Some("presence"), Some(other), None, None) => {
            let other = UserId::parse(other).map_err(|error| bad("other user", &error))?;
            Ok(Topic::Presence { user, other })
        }
        _ => Err(unknown(SHAPES)),
    }
}

pub(crate) const SHAPES: &str = "topics are u/{user}/c/{conversation}/{msg|json|raw}, u/{user}/rpc/{msg|json} and \
                                 u/{user}/presence/{other}";

/// `u/{user}/c/{conversation}/{encoding}`, with the conversation as `user` sees it.
#[must_use]
pub fn conversation_topic(user: &UserId, conversation: &ConversationId, encoding: Encoding) -> String {
    join(&[user.as_str(), "c", &conversation.seen_by(user), encoding.level()])
}

/// `u/{user}/rpc/{encoding}`.
#[must_use]
pub fn rpc_topic(user: &UserId, encoding: Encoding) -> String {
    join(&[user.as_str(), "rpc", encoding.level()])
}

/// `u/{user}/presence/{other}`.
#[must_use]
pub fn presence_topic(user: &UserId, other: &UserId) -> String {
    join(&[user.as_str(), "presence", other.as_str()])
}

fn join(levels: &[&str]) -> String {
    let mut topic = String::with_capacity(1 + levels.iter().map(|level| level.len() + 1).sum::<usize>());
    topic.push('u');
    for level in levels {
        topic.push('/');
        topic.push_str(level);
    }
    topic
}

fn unknown(reason: &'static str) -> Refusal {
    Refusal::new(ErrorCode::UnknownTopic, reason)
}

fn bad(level: &str, error: &IdError) -> Refusal {
    Refusal::new(ErrorCode::UnknownTopic, format!("the {level} in the topic: {error}"))
}

#[cfg(test)]
mod tests;
