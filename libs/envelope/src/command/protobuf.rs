//! Commands on `msg`: protobuf `longwave.v1.Command`.

use bytes::Bytes;
use longwave_model::{Refusal, pb};
use prost::Message as _;

use super::bad_payload;
use super::fields::Fields;
use crate::wire::{self, Known};

const FIELDS: &[Known] = &[
    Known::bytes(1),
    Known::bytes(2),
    Known::bytes(3),
    Known::bytes(4),
    Known::varint(5),
    Known::list(6),
    Known::varint(7),
    Known::varint(8),
    Known::bytes(9),
    Known::varint(10),
];

/// Absent and empty are the same in proto3, so an empty body is a body; an empty payload is more likely a mistake.
pub(super) fn decode(payload: &Bytes) -> Result<Fields, Refusal> {
    if payload.is_empty() {
        return Err(bad_payload("the payload is empty"));
    }
    wire::check(payload, FIELDS).map_err(|error| bad_payload(format!("not a Command: {error}")))?;
    // The only thing left to be wrong: prost's own message would name Rust types.
    let command =
        pb::Command::decode(payload.clone()).map_err(|_| bad_payload("not a Command: a text is not UTF-8"))?;
    let text = |text: String| (!text.is_empty()).then_some(text);
    let number = |number: u64| (number != 0).then_some(number);
    let kind = text(command.r#type);
    let sends = kind.as_deref().is_none_or(|kind| kind == "send");
    let body = (sends || !command.body.is_empty()).then_some(command.body);
    Ok(Fields {
        kind,
        id: (!command.id.is_empty()).then_some(command.id),
        body,
        content_type: text(command.content_type),
        seq: number(command.seq),
        target: number(command.target),
        mentions: (!command.mentions.is_empty()).then_some(command.mentions),
        expires_in: (command.expires_in != 0).then_some(command.expires_in),
        silent: command.silent.then_some(true),
        scheme: text(command.scheme),
    })
}
