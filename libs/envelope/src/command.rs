//! Commands from devices: what a publish to `u/{user}/c/{conversation}/{encoding}` asks for.
//!
//! Decoding is strict: an unknown field is refused, because a client that sends one believes that it has an effect.

use bytes::Bytes;
use longwave_model::{ErrorCode, MessageId, Refusal, Seq, UserId};
use longwave_topics::Encoding;

mod fields;
mod id;
mod json;
mod protobuf;
mod raw;

pub use id::refused_id;

/// What a device asks for in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Store a message.
    Send(SendCommand),
    /// Everything up to and including this seq has been read.
    Read {
        /// At least 1. Whether it is above the conversation's head is not checked here.
        seq: Seq,
    },
    /// The user is typing.
    Typing,
}

/// A message to store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendCommand {
    /// The sender's id for it.
    pub id: Option<MessageId>,
    /// Opaque. Shares the payload's memory where the encoding allows.
    pub body: Bytes,
    /// Media type.
    pub content_type: Option<String>,
    /// Users mentioned, each once.
    pub mentions: Vec<UserId>,
    /// Seconds from now until the content is gone, at least 1.
    pub expires_in: Option<u32>,
    /// No notification wanted.
    pub silent: bool,
    /// The end-to-end encryption scheme.
    pub scheme: Option<String>,
}

/// How large the parts of a command may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLimits {
    /// Bytes of a body, after base64.
    pub body_bytes: usize,
    /// Users mentioned.
    pub mentions: usize,
    /// Bytes of `content_type` and of `scheme`, each.
    pub name_bytes: usize,
}

impl Default for CommandLimits {
    fn default() -> Self {
        Self { body_bytes: 128 * 1024, mentions: 64, name_bytes: 128 }
    }
}

/// MQTT 5 properties of the publish that have a meaning here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommandProperties<'a> {
    /// Content Type: of the body on `raw`; elsewhere it describes the payload and is ignored.
    pub content_type: Option<&'a str>,
    /// Correlation Data: the message id on `raw`; elsewhere ignored.
    pub correlation_data: Option<&'a Bytes>,
    /// Message Expiry Interval in seconds: sets `expires_in` where the command does not. 0 counts as 1.
    pub expiry_seconds: Option<u32>,
}

/// Reads a command.
///
/// # Errors
/// [`ErrorCode::BadPayload`] when the payload is not a command in this encoding (the reason names the field, never its content),
/// [`ErrorCode::BadMessageId`], [`ErrorCode::BodyTooLarge`], [`ErrorCode::BadSeq`] for reading up to 0.
pub fn decode_command(
    encoding: Encoding,
    payload: &Bytes,
    properties: &CommandProperties<'_>,
    limits: &CommandLimits,
) -> Result<Command, Refusal> {
    match encoding {
        Encoding::Raw => raw::decode(payload, properties, limits),
        Encoding::Json => json::decode(payload)?.into_command(properties, limits),
        Encoding::Msg => protobuf::decode(payload)?.into_command(properties, limits),
    }
}

fn bad_payload(reason: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(ErrorCode::BadPayload, reason)
}

#[cfg(test)]
mod tests;
