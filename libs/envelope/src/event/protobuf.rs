//! Events as protobuf `longwave.v1.Event`, written without the generated struct, which would copy every text first.

use bytes::Bytes;

use super::{Event, MessageEvent};
use crate::wire::WireMessage;

// Field numbers of `longwave.v1.Event`; a test reads every kind of event back through the generated type.
const TYPE: u32 = 1;
const CONV: u32 = 2;
const SEQ: u32 = 3;
const ID: u32 = 4;
const FROM: u32 = 5;
const DEVICE: u32 = 6;
const TS: u32 = 7;
const BODY: u32 = 8;
const CONTENT_TYPE: u32 = 9;
const MENTIONS: u32 = 10;
const SILENT: u32 = 11;
const SCHEME: u32 = 12;
const EXPIRES_AT: u32 = 13;
const DELIVERED: u32 = 14;
const READ: u32 = 15;
const TO: u32 = 16;
const GAP_FROM: u32 = 17;
const CODE: u32 = 18;
const REASON: u32 = 19;
const CHANGE: u32 = 20;
const USER: u32 = 21;
const ROLE: u32 = 22;
const KIND: u32 = 23;
const TITLE: u32 = 24;

pub(super) fn encode(event: &Event<'_>) -> Bytes {
    match event {
        Event::Message(event) => return message(event),
        Event::Receipt { conv, id, seq, ts } => {
            let mut out = begin("receipt", conv);
            out.number(SEQ, seq.0);
            out.bytes(ID, id.as_bytes());
            out.number(TS, *ts);
            out
        }
        Event::Mark { conv, from, delivered, read } => {
            let mut out = begin("mark", conv);
            out.bytes(FROM, from.as_str().as_bytes());
            out.number(DELIVERED, delivered.0);
            out.number(READ, read.0);
            out
        }
        Event::Typing { conv, from } => {
            let mut out = begin("typing", conv);
            out.bytes(FROM, from.as_str().as_bytes());
            out
        }
        Event::Member { conv, seq, from, ts, change, user, role } => {
            let mut out = begin("member", conv);
            out.number(SEQ, seq.0);
            out.bytes(FROM, from.as_str().as_bytes());
            out.number(TS, *ts);
            out.bytes(CHANGE, change.name().as_bytes());
            out.bytes(USER, user.as_str().as_bytes());
            out.bytes(ROLE, role.name().as_bytes());
            out
        }
        Event::Conversation { conv, seq, from, ts, change, kind, title } => {
            let mut out = begin("conversation", conv);
            out.number(SEQ, seq.0);
            out.bytes(FROM, from.as_str().as_bytes());
            out.number(TS, *ts);
            out.bytes(CHANGE, change.name().as_bytes());
            if let Some(kind) = kind {
                out.bytes(KIND, kind.name().as_bytes());
            }
            if let Some(title) = title {
                out.present(TITLE, title.as_bytes());
            }
            out
        }
        Event::Gap { conv, from, to } => {
            let mut out = begin("gap", conv);
            out.number(TO, to.0);
            out.number(GAP_FROM, from.0);
            out
        }
        Event::Error { conv, id, code, reason } => {
            let mut out = begin("error", conv.as_deref().unwrap_or_default());
            if let Some(id) = id {
                out.bytes(ID, id.as_bytes());
            }
            out.number(CODE, u64::from(code.number()));
            out.bytes(REASON, reason.as_bytes());
            out
        }
    }
    .finish()
    .into()
}

fn begin(kind: &'static str, conv: &str) -> WireMessage {
    let mut out = WireMessage::new(128);
    out.bytes(TYPE, kind.as_bytes());
    out.bytes(CONV, conv.as_bytes());
    out
}

fn message(event: &MessageEvent<'_>) -> Bytes {
    let message = event.message;
    let mut out = WireMessage::new(128 + message.body.len());
    out.bytes(TYPE, b"message");
    out.bytes(CONV, event.conv.as_bytes());
    out.number(SEQ, event.seq.0);
    if let Some(id) = event.id {
        out.bytes(ID, id.as_bytes());
    }
    out.bytes(FROM, event.from.as_str().as_bytes());
    if let Some(device) = event.device {
        out.bytes(DEVICE, device.as_str().as_bytes());
    }
    out.number(TS, event.ts);
    out.bytes(BODY, &message.body);
    out.bytes(CONTENT_TYPE, message.content_type.as_deref().unwrap_or_default().as_bytes());
    for user in &message.mentions {
        out.present(MENTIONS, user.as_str().as_bytes());
    }
    out.number(SILENT, u64::from(message.silent));
    out.bytes(SCHEME, message.scheme.as_deref().unwrap_or_default().as_bytes());
    out.number(EXPIRES_AT, event.expires_at.unwrap_or(0));
    out.finish().into()
}
