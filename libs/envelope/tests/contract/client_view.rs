//! Reads events as a client would, from both encodings into one form: the generated protobuf type.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use longwave_model::pb;
use longwave_topics::Encoding;
use prost::Message as _;
use serde::Deserialize;

/// Unknown fields are ignored, as clients shall.
#[derive(Deserialize, Default)]
#[serde(default)]
struct JsonEvent {
    r#type: String,
    conv: String,
    seq: u64,
    id: String,
    id_b64: String,
    from: From,
    device: String,
    ts: u64,
    body: String,
    body_b64: String,
    content_type: String,
    mentions: Vec<String>,
    silent: bool,
    scheme: String,
    expires_at: u64,
    delivered: u64,
    read: u64,
    to: u64,
    code: u32,
    reason: String,
    change: String,
    user: String,
    role: String,
    kind: String,
    title: Option<String>,
}

/// A user, and in a `gap` a seq.
#[derive(Deserialize)]
#[serde(untagged)]
enum From {
    User(String),
    Seq(u64),
}

impl Default for From {
    fn default() -> Self {
        Self::User(String::new())
    }
}

pub(crate) fn read(encoding: Encoding, payload: &Bytes) -> pb::Event {
    match encoding {
        Encoding::Msg => pb::Event::decode(payload.clone()).unwrap(),
        Encoding::Json => read_json(payload),
        Encoding::Raw => panic!("raw is the body itself"),
    }
}

fn read_json(payload: &Bytes) -> pb::Event {
    let event: JsonEvent = serde_json::from_slice(payload).unwrap();
    let bytes = |text: String, base64: String| match base64.as_str() {
        "" => Bytes::from(text),
        base64 => STANDARD.decode(base64).unwrap().into(),
    };
    let (from, gap_from) = match event.from {
        From::User(user) => (user, 0),
        From::Seq(seq) => (String::new(), seq),
    };
    pb::Event {
        r#type: event.r#type,
        conv: event.conv,
        seq: event.seq,
        id: bytes(event.id, event.id_b64),
        from,
        device: event.device,
        ts: event.ts,
        body: bytes(event.body, event.body_b64),
        content_type: event.content_type,
        mentions: event.mentions,
        silent: event.silent,
        scheme: event.scheme,
        expires_at: event.expires_at,
        delivered: event.delivered,
        read: event.read,
        to: event.to,
        gap_from,
        code: event.code,
        reason: event.reason,
        change: event.change,
        user: event.user,
        role: event.role,
        kind: event.kind,
        title: event.title,
    }
}
