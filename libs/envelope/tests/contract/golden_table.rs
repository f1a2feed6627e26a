//! Runs the table of examples in `mqtt-topics.md` through the code, every payload byte for byte.
//!
//! Commands and requests are decoded and their meaning compared. Events and responses are read as a client would, their meaning compared, and
//! from what was read the server's bytes are made again. So a row is wrong as soon as the page and the code disagree.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bytes::Bytes;
use longwave_envelope::{
    CommandLimits, CommandProperties, ConversationChange, Event, MessageEvent, Presence, RpcId, decode_command,
    decode_rpc, encode_event, encode_presence, encode_rpc_error, encode_rpc_fault, encode_rpc_result,
};
use longwave_model::{
    ConversationKind, DeviceId, ErrorCode, MemberChange, Message, MessageId, Refusal, Role, Seq, UserId, pb,
};
use longwave_topics::{Encoding, Topic, parse_topic};
use prost::Message as _;
use serde_json::value::RawValue;

use crate::{client_view, meaning};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../mqtt-topics.md");
const HEADING: &str = "| way | topic | properties | payload | means |";

struct Row {
    to_server: bool,
    topic: String,
    properties: String,
    payload: Bytes,
    means: String,
}

fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let table = page.split_once(HEADING).expect("mqtt-topics.md has its table of examples").1;
    table.lines().skip(2).take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
    let [way, topic, properties, payload, means] = cells[..] else { panic!("five cells: {line}") };
    let payload = match (topic.ends_with("/msg"), payload.strip_prefix("0x")) {
        (true, _) => unhex(payload),
        (false, Some(hex)) => unhex(hex),
        (false, None) => Bytes::copy_from_slice(payload.as_bytes()),
    };
    let to_server = match way {
        "to server" => true,
        "to device" => false,
        other => panic!("{other}: {line}"),
    };
    Row { to_server, topic: topic.to_owned(), properties: properties.to_owned(), payload, means: means.to_owned() }
}

fn unhex(text: &str) -> Bytes {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).expect("hex")).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect::<Vec<_>>().into()
}

fn property(row: &Row, name: &str) -> Option<String> {
    row.properties.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

#[test]
fn every_example_is_what_the_code_does() {
    let rows = rows();
    assert!(rows.len() > 30, "the table is cut short: {} rows", rows.len());
    for row in &rows {
        let means = match (parse_topic(&row.topic).unwrap(), row.to_server) {
            (Topic::Conversation { encoding, .. }, true) => command(row, encoding),
            (Topic::Conversation { encoding, .. }, false) => event(row, encoding),
            (Topic::Rpc { encoding, .. }, true) => request(row, encoding),
            (Topic::Rpc { encoding, .. }, false) => response(row, encoding),
            (Topic::Presence { .. }, false) => presence(row),
            (topic, _) => panic!("nothing goes this way on {topic:?}"),
        };
        assert_eq!(means, row.means, "{}", row.topic);
    }
}

#[test]
fn every_kind_is_shown_in_every_encoding_it_has() {
    let shown: BTreeSet<_> = rows()
        .iter()
        .filter(|row| row.topic.contains("/c/"))
        .map(|row| {
            let (kind, encoding) = (row.means.split(' ').next().unwrap(), row.topic.rsplit('/').next().unwrap());
            format!("{kind} {encoding}")
        })
        .collect();
    for kind in ["send", "read", "typing", "message", "receipt", "mark", "member", "conversation", "gap", "error"] {
        for encoding in ["json", "msg"] {
            assert!(shown.contains(&format!("{kind} {encoding}")), "no example of {kind} in {encoding}");
        }
    }
    assert!(shown.contains("send raw") && shown.contains("message raw"));
}

fn command(row: &Row, encoding: Encoding) -> String {
    let correlation_data = property(row, "correlation_data").map(Bytes::from);
    let content_type = property(row, "content_type");
    let properties = CommandProperties {
        content_type: content_type.as_deref(),
        correlation_data: correlation_data.as_ref(),
        expiry_seconds: property(row, "message_expiry").map(|seconds| seconds.parse().unwrap()),
    };
    match decode_command(encoding, &row.payload, &properties, &CommandLimits::default()) {
        Ok(command) => meaning::of_command(&command),
        Err(refusal) => format!("refused {}", refusal.code.number()),
    }
}

fn event(row: &Row, encoding: Encoding) -> String {
    let view = match encoding {
        Encoding::Raw => raw_view(row),
        _ => client_view::read(encoding, &row.payload),
    };
    let level = row.topic.split('/').nth(3).unwrap();
    if encoding != Encoding::Raw {
        assert_eq!(view.conv, level, "conv and topic disagree: {}", row.means);
    }
    let again = encode_again(&view, encoding);
    assert_eq!(shown(&again, encoding), shown(&row.payload, encoding), "written again: {}", row.means);
    meaning::of_event(&view)
}

/// What is left of a message on `raw`.
fn raw_view(row: &Row) -> pb::Event {
    pb::Event {
        r#type: "message".to_owned(),
        body: row.payload.clone(),
        content_type: property(row, "content_type").unwrap_or_default(),
        id: property(row, "correlation_data").map(Bytes::from).unwrap_or_default(),
        ..Default::default()
    }
}

fn shown(payload: &Bytes, encoding: Encoding) -> String {
    match encoding {
        Encoding::Json => String::from_utf8(payload.to_vec()).unwrap(),
        _ => meaning::hex(payload),
    }
}

fn encode_again(view: &pb::Event, encoding: Encoding) -> Bytes {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let user = |name: &str| UserId::parse(if name.is_empty() { "nobody" } else { name }).unwrap();
    let (from, other) = (user(&view.from), user(&view.user));
    let id = MessageId::parse(view.id.clone()).ok();
    let device = DeviceId::parse(&view.device).ok();
    let (conv, seq, ts) = (Cow::Borrowed(view.conv.as_str()), Seq(view.seq), view.ts);
    let message = Message {
        body: view.body.clone(),
        content_type: some(&view.content_type),
        mentions: view.mentions.iter().map(|name| user(name)).collect(),
        silent: view.silent,
        scheme: some(&view.scheme),
    };
    let event = match view.r#type.as_str() {
        "message" => Event::Message(MessageEvent {
            conv,
            seq,
            id: id.as_ref(),
            from: &from,
            device: device.as_ref(),
            ts,
            message: &message,
            expires_at: (view.expires_at > 0).then_some(view.expires_at),
        }),
        "receipt" => Event::Receipt { conv, id: id.as_ref().unwrap(), seq, ts },
        "mark" => Event::Mark { conv, from: &from, delivered: Seq(view.delivered), read: Seq(view.read) },
        "typing" => Event::Typing { conv, from: &from },
        "member" => Event::Member {
            conv,
            seq,
            from: &from,
            ts,
            change: (1..5).filter_map(MemberChange::from_number).find(|change| change.name() == view.change).unwrap(),
            user: &other,
            role: Role::from_name(&view.role).unwrap(),
        },
        "conversation" => Event::Conversation {
            conv,
            seq,
            from: &from,
            ts,
            change: [ConversationChange::Created, ConversationChange::Updated]
                .into_iter()
                .find(|change| change.name() == view.change)
                .unwrap(),
            kind: (1..4).filter_map(ConversationKind::from_number).find(|kind| kind.name() == view.kind),
            title: view.title.as_deref(),
        },
        "gap" => Event::Gap { conv, from: Seq(view.gap_from), to: Seq(view.to) },
        "error" => Event::Error { conv: Some(conv), id: id.as_ref(), code: code(view.code), reason: &view.reason },
        other => panic!("unknown type {other}"),
    };
    encode_event(encoding, &event).unwrap().payload
}

fn code(number: u32) -> ErrorCode {
    ErrorCode::ALL.iter().copied().find(|code| u32::from(code.number()) == number).expect("a number that exists")
}

fn request(row: &Row, encoding: Encoding) -> String {
    let id =
        |id: Option<RpcId>| id.map(|id| format!(" id={}", serde_json::to_string(&id).unwrap())).unwrap_or_default();
    match decode_rpc(encoding, &row.payload) {
        Ok(request) => format!("request{} method={} params={}", id(request.id), request.method, request.params),
        Err(fault) => {
            let response = encode_rpc_fault(encoding, &fault);
            assert!(!response.is_empty());
            format!("refused {} code={}{}", fault.refusal.code.number(), fault.rpc_code, id(Some(fault.id)))
        }
    }
}

/// A response as a client reads it: its id, and either the result's text or code, message and number.
type Outcome = Result<Box<RawValue>, (i64, String, u32)>;

fn response(row: &Row, encoding: Encoding) -> String {
    let (id, outcome) = match encoding {
        Encoding::Msg => read_protobuf_response(&row.payload),
        _ => read_json_response(&row.payload),
    };
    let (again, means) = match outcome {
        Ok(result) => (encode_rpc_result(encoding, &id, &result), format!("result={result}")),
        Err((rpc_code, message, number)) => {
            let means = format!("error={number} code={rpc_code} message={}", serde_json::to_string(&message).unwrap());
            (encode_rpc_error(encoding, &id, &Refusal::new(code(number), message)), means)
        }
    };
    assert_eq!(shown(&again, encoding), shown(&row.payload, encoding), "written again: {}", row.means);
    format!("response id={} {means}", serde_json::to_string(&id).unwrap())
}

#[derive(serde::Deserialize)]
struct JsonResponse {
    id: serde_json::Value,
    result: Option<Box<RawValue>>,
    error: Option<JsonError>,
}

#[derive(serde::Deserialize)]
struct JsonError {
    code: i64,
    message: String,
    data: JsonErrorData,
}

#[derive(serde::Deserialize)]
struct JsonErrorData {
    error: u32,
}

fn read_json_response(payload: &Bytes) -> (RpcId, Outcome) {
    let response: JsonResponse = serde_json::from_slice(payload).unwrap();
    let id = match response.id {
        serde_json::Value::String(id) => RpcId::String(id),
        serde_json::Value::Number(id) => RpcId::Number(id),
        _ => RpcId::Null,
    };
    let error = response.error.map(|error| (error.code, error.message, error.data.error));
    (id, response.result.ok_or_else(|| error.expect("a result or an error")))
}

fn read_protobuf_response(payload: &Bytes) -> (RpcId, Outcome) {
    let response = pb::RpcResponse::decode(payload.clone()).unwrap();
    let outcome = match response.outcome.unwrap() {
        pb::rpc_response::Outcome::Result(result) => {
            Ok(RawValue::from_string(String::from_utf8(result.to_vec()).unwrap()).unwrap())
        }
        pb::rpc_response::Outcome::Error(error) => {
            let data: JsonErrorData = serde_json::from_slice(&error.data).unwrap();
            Err((error.code.into(), error.message, data.error))
        }
    };
    (RpcId::String(response.id), outcome)
}

fn presence(row: &Row) -> String {
    let text = std::str::from_utf8(&row.payload).unwrap();
    let presence = match text.strip_prefix("offline ") {
        Some(since) => Presence::Offline { since: since.parse().unwrap() },
        None => Presence::Online,
    };
    assert_eq!(encode_presence(presence), row.payload);
    match presence {
        Presence::Online => "online".to_owned(),
        Presence::Offline { since } => format!("offline since={since}"),
    }
}
