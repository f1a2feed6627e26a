//! Events as JSON: one object, the fields in a fixed order, what is absent left out.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{Event, MessageEvent};
use crate::json_text::JsonObject;

pub(super) fn encode(event: &Event<'_>) -> Bytes {
    write(event).into()
}

pub(super) fn serialize<S: serde::Serializer>(event: &Event<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::Error as _;
    let text = String::from_utf8(write(event)).map_err(S::Error::custom)?;
    let raw = RawValue::from_string(text).map_err(S::Error::custom)?;
    serde::Serialize::serialize(&raw, serializer)
}

fn write(event: &Event<'_>) -> Vec<u8> {
    match event {
        Event::Message(event) => return message(event),
        Event::Receipt { conv, id, seq, ts } => {
            let mut object = begin("receipt", conv);
            object.number("seq", seq.0);
            object.bytes("id", "id_b64", id.as_bytes());
            object.number("ts", *ts);
            object
        }
        Event::Mark { conv, from, delivered, read } => {
            let mut object = begin("mark", conv);
            object.text("from", from.as_str());
            for (name, seq) in [("delivered", delivered), ("read", read)] {
                if seq.0 > 0 {
                    object.number(name, seq.0);
                }
            }
            object
        }
        Event::Typing { conv, from } => {
            let mut object = begin("typing", conv);
            object.text("from", from.as_str());
            object
        }
        Event::Member { conv, seq, from, ts, change, user, role } => {
            let mut object = begin("member", conv);
            object.number("seq", seq.0);
            object.text("from", from.as_str());
            object.number("ts", *ts);
            object.text("change", change.name());
            object.text("user", user.as_str());
            object.text("role", role.name());
            object
        }
        Event::Conversation { conv, seq, from, ts, change, kind, title } => {
            let mut object = begin("conversation", conv);
            object.number("seq", seq.0);
            object.text("from", from.as_str());
            object.number("ts", *ts);
            object.text("change", change.name());
            if let Some(kind) = kind {
                object.text("kind", kind.name());
            }
            if let Some(title) = title {
                object.text("title", title);
            }
            object
        }
        Event::Gap { conv, from, to } => {
            let mut object = begin("gap", conv);
            object.number("from", from.0);
            object.number("to", to.0);
            object
        }
        Event::Error { conv, id, code, reason } => {
            let mut object = JsonObject::new(96 + reason.len());
            object.text("type", "error");
            if let Some(conv) = conv {
                object.text("conv", conv);
            }
            if let Some(id) = id {
                object.bytes("id", "id_b64", id.as_bytes());
            }
            object.number("code", u64::from(code.number()));
            object.text("reason", reason);
            object
        }
    }
    .finish()
}

fn begin(kind: &'static str, conv: &str) -> JsonObject {
    let mut object = JsonObject::new(192);
    object.text("type", kind);
    object.text("conv", conv);
    object
}

fn message(event: &MessageEvent<'_>) -> Vec<u8> {
    let message = event.message;
    let mut object = JsonObject::new(192 + message.body.len() + message.body.len() / 8);
    object.text("type", "message");
    object.text("conv", &event.conv);
    object.number("seq", event.seq.0);
    if let Some(id) = event.id {
        object.bytes("id", "id_b64", id.as_bytes());
    }
    object.text("from", event.from.as_str());
    if let Some(device) = event.device {
        object.text("device", device.as_str());
    }
    object.number("ts", event.ts);
    object.bytes("body", "body_b64", &message.body);
    if let Some(content_type) = &message.content_type {
        object.text("content_type", content_type);
    }
    if !message.mentions.is_empty() {
        object.texts("mentions", message.mentions.iter().map(|user| user.as_str()));
    }
    if message.silent {
        object.yes("silent");
    }
    if let Some(scheme) = &message.scheme {
        object.text("scheme", scheme);
    }
    if let Some(expires_at) = event.expires_at {
        object.number("expires_at", expires_at);
    }
    object.finish()
}
