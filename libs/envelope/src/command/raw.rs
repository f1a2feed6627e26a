//! Commands on `raw`: the payload is the body, and MQTT 5 properties say the rest.

use bytes::Bytes;
use longwave_model::Refusal;

use super::fields::{check_body, expiry, message_id, name};
use super::{Command, CommandLimits, CommandProperties, SendCommand};

pub(super) fn decode(
    payload: &Bytes,
    properties: &CommandProperties<'_>,
    limits: &CommandLimits,
) -> Result<Command, Refusal> {
    check_body(payload, limits)?;
    Ok(Command::Send(SendCommand {
        id: properties.correlation_data.cloned().map(message_id).transpose()?,
        body: payload.clone(),
        content_type: name("content_type", properties.content_type.map(str::to_owned), limits)?,
        expires_in: expiry(properties),
        ..SendCommand::default()
    }))
}
