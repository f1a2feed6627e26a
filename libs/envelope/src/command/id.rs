//! The message id of a command that is refused, so that its sender hears which one it was.
//!
//! Lenient where decoding is strict: whatever else is wrong, an id that can be read is one.

use base64::Engine as _;
use bytes::Bytes;
use longwave_model::{MessageId, pb};
use longwave_topics::Encoding;
use prost::Message as _;
use serde::Deserialize;

use super::CommandProperties;
use super::json::BASE64;

/// Looks for a message id in a payload that [`super::decode_command`] has refused.
#[must_use]
pub fn refused_id(encoding: Encoding, payload: &Bytes, properties: &CommandProperties<'_>) -> Option<MessageId> {
    let id = match encoding {
        Encoding::Raw => properties.correlation_data.cloned()?,
        Encoding::Msg => pb::Command::decode(payload.clone()).ok()?.id,
        Encoding::Json => in_json(payload)?,
    };
    MessageId::parse(id).ok()
}

fn in_json(payload: &Bytes) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Id {
        id: Option<String>,
        id_b64: Option<String>,
    }
    let found: Id = serde_json::from_slice(payload).ok()?;
    match (found.id, found.id_b64) {
        (Some(id), None) => Some(id.into()),
        (None, Some(id)) => BASE64.decode(id).ok().map(Bytes::from),
        _ => None,
    }
}
