//! What commands say in each encoding, what is refused, and that nothing panics.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longwave_model::pb;
use proptest::prelude::*;
use prost::Message as _;

use super::*;

const LIMITS: CommandLimits = CommandLimits { body_bytes: 100, mentions: 3, name_bytes: 20 };

fn json(payload: &str) -> Result<Command, Refusal> {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    decode_command(Encoding::Json, &payload, &CommandProperties::default(), &LIMITS)
}

fn msg(command: &pb::Command) -> Result<Command, Refusal> {
    decode_command(Encoding::Msg, &command.encode_to_vec().into(), &CommandProperties::default(), &LIMITS)
}

fn send(command: Command) -> SendCommand {
    match command {
        Command::Send(send) => send,
        other => panic!("{other:?}"),
    }
}

fn refused(result: Result<Command, Refusal>) -> (ErrorCode, String) {
    let refusal = result.unwrap_err();
    (refusal.code, refusal.reason.into_owned())
}

#[test]
fn a_body_is_enough() {
    let expected = SendCommand { body: Bytes::from_static(b"hello"), ..SendCommand::default() };
    assert_eq!(json(r#"{"body":"hello"}"#), Ok(Command::Send(expected.clone())));
    assert_eq!(msg(&pb::Command { body: "hello".into(), ..Default::default() }), Ok(Command::Send(expected)));
}

#[test]
fn all_fields_mean_the_same_in_both_encodings() {
    let text = r#" {"type":"send","id":"m1","body":"a\u00e9\n","content_type":"text/plain","mentions":["bob","bob","carol"],
        "expires_in":60,"silent":true,"scheme":"mls"} "#;
    let command = pb::Command {
        r#type: "send".into(),
        id: "m1".into(),
        body: "aé\n".into(),
        content_type: "text/plain".into(),
        mentions: vec!["bob".into(), "bob".into(), "carol".into()],
        expires_in: 60,
        silent: true,
        scheme: "mls".into(),
        ..Default::default()
    };
    let expected = SendCommand {
        id: Some(MessageId::parse("m1".into()).unwrap()),
        body: "aé\n".into(),
        content_type: Some("text/plain".into()),
        mentions: vec![UserId::parse("bob").unwrap(), UserId::parse("carol").unwrap()],
        expires_in: Some(60),
        silent: true,
        scheme: Some("mls".into()),
    };
    assert_eq!(json(text), Ok(Command::Send(expected.clone())));
    assert_eq!(msg(&command), Ok(Command::Send(expected)));
}

#[test]
fn reading_and_typing() {
    assert_eq!(json(r#"{"type":"read","seq":18446744073709551615}"#), Ok(Command::Read { seq: Seq(u64::MAX) }));
    assert_eq!(
        msg(&pb::Command { r#type: "read".into(), seq: 7, ..Default::default() }),
        Ok(Command::Read { seq: Seq(7) })
    );
    assert_eq!(json(r#"{"type":"typing"}"#), Ok(Command::Typing));
    assert_eq!(msg(&pb::Command { r#type: "typing".into(), ..Default::default() }), Ok(Command::Typing));
    assert_eq!(refused(json(r#"{"type":"read","seq":0}"#)).0, ErrorCode::BadSeq);
}

#[test]
fn refusals_name_the_field_and_never_its_content() {
    for (payload, reason) in [
        (r#"{"body":"x","color":"red"}"#, "not a command: unknown field `color`"),
        (r#"{"body":"x","body":"y"}"#, "not a command: `body` comes twice"),
        (r#"{"body":"x","body_b64":"eA=="}"#, "not a command: `body` comes twice"),
        (r#"{"body":7}"#, "not a command: `body` is not a text"),
        (r#"{"body":{"secret":1}}"#, "not a command: `body` is not a text"),
        (r#"{"body_b64":"?"}"#, "not a command: `body_b64` is not base64"),
        (r#"{"seq":"secret"}"#, "not a command: `seq` is not a whole number"),
        (r#"{"type":"read","seq":-1}"#, "not a command: `seq` is not a whole number"),
        (r#"{"type":"read","seq":1.5}"#, "not a command: `seq` is not a whole number"),
        (r#"{"id":null}"#, "not a command: `id` is not a text"),
        (r#"{"mentions":"bob"}"#, "not a command: `mentions` is not a list of users"),
        (r#"{"body":"x"}{}"#, "not a command: trailing characters"),
        (r#"{"body":"x""#, "not a command: EOF while parsing an object"),
        ("{}", "`send` needs `body` or `body_b64`"),
        (r#"{"type":"read"}"#, "`read` needs `seq`"),
        (r#"{"type":"read","seq":1,"body":"x"}"#, "`read` has no field `body`"),
        (r#"{"type":"typing","seq":1}"#, "`typing` has no field `seq`"),
        (r#"{"body":"x","target":1}"#, "`send` has no field `target`"),
        (r#"{"type":"edit","target":1,"body":"x"}"#, "edit, react and redact are not available"),
        (r#"{"type":"secret"}"#, "`type` must be send, read or typing"),
        (r#"{"body":"x","mentions":["@bob"]}"#, "`mentions` has something that is no user"),
        (r#"{"body":"x","mentions":["a","b","c","d"]}"#, "`mentions` has more than 3 users"),
        (r#"{"body":"x","content_type":"a\u0000"}"#, "`content_type` has a control character"),
        (r#"{"body":"x","scheme":"aaaaaaaaaaaaaaaaaaaaa"}"#, "`scheme` has more than 20 bytes"),
    ] {
        let (code, given) = refused(json(payload));
        let (given, place) = given.split_once(" at line 1 column ").unwrap_or((&given, ""));
        assert_eq!((code, given), (ErrorCode::BadPayload, reason), "{payload}");
        assert_eq!(!place.is_empty(), reason.starts_with("not a command"), "{payload}");
    }
}

#[test]
fn what_is_no_object_is_told_about_raw() {
    for payload in ["", "hello", "\"hello\"", "[]", "1"] {
        let (code, reason) = refused(json(payload));
        assert_eq!(code, ErrorCode::BadPayload);
        assert!(reason.contains("/raw") && !reason.contains("\"hello\"}x"), "{reason}");
    }
}

#[test]
fn nesting_is_refused_where_it_begins() {
    let deep = format!("{{\"body\":{}", "[".repeat(100_000));
    assert_eq!(refused(json(&deep)).0, ErrorCode::BadPayload);
    let deep = format!("{{\"mentions\":{}", "[".repeat(100_000));
    assert_eq!(refused(json(&deep)).0, ErrorCode::BadPayload);
}

#[test]
fn bytes_come_in_as_base64() {
    for (id, body) in [("_w==", ""), ("/w==", "AP8="), ("/w", "AP8")] {
        let command = json(&format!(r#"{{"id_b64":"{id}","body_b64":"{body}"}}"#));
        match command {
            Ok(command) => {
                let send = send(command);
                assert_eq!((send.id.unwrap().as_bytes().as_ref(), send.body.as_ref()), (&[0xff][..], &[0, 0xff][..]));
            }
            Err(refusal) => assert_eq!((id, refusal.code), ("_w==", ErrorCode::BadPayload)),
        }
    }
}

#[test]
fn limits_have_their_own_numbers() {
    let body = "b".repeat(101);
    assert_eq!(refused(json(&format!(r#"{{"body":"{body}"}}"#))).0, ErrorCode::BodyTooLarge);
    let encoded = STANDARD.encode(&body);
    assert_eq!(refused(json(&format!(r#"{{"body_b64":"{encoded}"}}"#))).0, ErrorCode::BodyTooLarge);
    assert_eq!(refused(msg(&pb::Command { body: body.into(), ..Default::default() })).0, ErrorCode::BodyTooLarge);
    let id = "i".repeat(33);
    assert_eq!(refused(json(&format!(r#"{{"body":"","id":"{id}"}}"#))).0, ErrorCode::BadMessageId);
    assert_eq!(refused(json(r#"{"body":"","id":""}"#)).0, ErrorCode::BadMessageId);
}

#[test]
fn protobuf_is_as_strict_as_json() {
    let decode = |payload: &[u8]| {
        let payload = Bytes::copy_from_slice(payload);
        refused(decode_command(Encoding::Msg, &payload, &CommandProperties::default(), &LIMITS)).1
    };
    assert_eq!(decode(&[]), "the payload is empty");
    assert_eq!(decode(&[0x5a, 0]), "not a Command: unknown field 11");
    assert_eq!(decode(&[0x0a, 1, 0xff]), "not a Command: a text is not UTF-8");
    assert_eq!(decode(&[0x1a, 1, b'x', 0x1a, 1, b'y']), "not a Command: field 3 comes twice");
    assert_eq!(decode(b"hello"), "not a Command: unknown field 13");
    let read = pb::Command { r#type: "read".into(), seq: 1, body: "x".into(), ..Default::default() };
    assert_eq!(refused(msg(&read)).1, "`read` has no field `body`");
}

#[test]
fn raw_takes_its_fields_from_mqtt() {
    let id = Bytes::from_static(&[0, 1, 2]);
    let properties =
        CommandProperties { content_type: Some("image/png"), correlation_data: Some(&id), expiry_seconds: Some(30) };
    let payload = Bytes::from_static(b"{\x00");
    let command = decode_command(Encoding::Raw, &payload, &properties, &LIMITS).unwrap();
    let expected = SendCommand {
        id: Some(MessageId::parse(id.clone()).unwrap()),
        body: payload.clone(),
        content_type: Some("image/png".into()),
        expires_in: Some(30),
        ..SendCommand::default()
    };
    let send = send(command);
    assert_eq!(send.body.as_ptr(), payload.as_ptr());
    assert_eq!(send, expected);
    for long in [Bytes::new(), Bytes::from_static(&[0; 33])] {
        let properties = CommandProperties { correlation_data: Some(&long), ..properties };
        let refusal = decode_command(Encoding::Raw, &payload, &properties, &LIMITS).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::BadMessageId);
    }
}

#[test]
fn message_expiry_counts_where_the_command_is_silent() {
    let decode = |payload: &'static str, expiry_seconds| {
        let properties = CommandProperties { expiry_seconds, ..CommandProperties::default() };
        send(decode_command(Encoding::Json, &payload.into(), &properties, &LIMITS).unwrap()).expires_in
    };
    assert_eq!(decode(r#"{"body":""}"#, None), None);
    assert_eq!(decode(r#"{"body":""}"#, Some(9)), Some(9));
    assert_eq!(decode(r#"{"body":"","expires_in":5}"#, Some(9)), Some(5));
    assert_eq!(decode(r#"{"body":"","expires_in":0}"#, Some(9)), Some(9));
    assert_eq!(decode(r#"{"body":""}"#, Some(0)), Some(1));
}

#[test]
fn a_refused_command_can_be_named() {
    let none = CommandProperties::default();
    let id = |encoding, payload: &[u8], properties: &CommandProperties<'_>| {
        refused_id(encoding, &Bytes::copy_from_slice(payload), properties).map(|id| id.as_bytes().to_vec())
    };
    let m1 = Some(b"m1".to_vec());
    assert_eq!(id(Encoding::Json, br#"{"color":[{}],"id":"m1","body":7}"#, &none), m1);
    assert_eq!(id(Encoding::Json, br#"{"id_b64":"bTE","x":1}"#, &none), m1);
    for payload in [
        "",
        "hello",
        "[]",
        "{}",
        r#"{"id":7}"#,
        r#"{"id":""}"#,
        r#"{"id":"a","id":"b"}"#,
        r#"{"id":"a","id_b64":"YQ"}"#,
    ] {
        assert_eq!(id(Encoding::Json, payload.as_bytes(), &none), None, "{payload}");
    }
    assert_eq!(id(Encoding::Msg, b"\x12\x02m1\x5a\x00", &none), m1);
    assert_eq!(id(Encoding::Msg, b"\x12\x05m1", &none), None);
    let data = Bytes::from_static(b"m1");
    let properties = CommandProperties { correlation_data: Some(&data), ..none };
    assert_eq!(id(Encoding::Raw, b"too large", &properties), m1);
    assert_eq!(id(Encoding::Raw, b"too large", &none), None);
}

#[test]
fn a_body_without_escapes_is_not_copied() {
    let payload = Bytes::from_static(br#"{"body":"hello"}"#);
    let command = decode_command(Encoding::Json, &payload, &CommandProperties::default(), &LIMITS).unwrap();
    assert_eq!(send(command).body.as_ptr(), payload[9..].as_ptr());
}

proptest! {
    #[test]
    fn any_body_and_id_arrive_in_every_encoding(
        body in prop::collection::vec(any::<u8>(), 0..100), id in prop::collection::vec(any::<u8>(), 1..=32),
    ) {
        let expected = SendCommand {
            id: Some(MessageId::parse(id.clone().into()).unwrap()),
            body: body.clone().into(),
            ..SendCommand::default()
        };
        let text = format!(r#"{{"body_b64":"{}","id_b64":"{}"}}"#, STANDARD.encode(&body), STANDARD.encode(&id));
        prop_assert_eq!(json(&text), Ok(Command::Send(expected.clone())));
        if let (Ok(body), Ok(id)) = (std::str::from_utf8(&body), std::str::from_utf8(&id)) {
            let text = serde_json::json!({"id": id, "body": body}).to_string();
            prop_assert_eq!(json(&text), Ok(Command::Send(expected.clone())));
        }
        let id: Bytes = id.into();
        let command = pb::Command { body: body.clone().into(), id: id.clone(), ..Default::default() };
        prop_assert_eq!(msg(&command), Ok(Command::Send(expected.clone())));
        let properties = CommandProperties { correlation_data: Some(&id), ..CommandProperties::default() };
        let raw = decode_command(Encoding::Raw, &body.into(), &properties, &LIMITS);
        prop_assert_eq!(raw, Ok(Command::Send(expected)));
    }

    #[test]
    fn hostile_payloads_do_not_panic(bytes: Vec<u8>, at in 0..3usize) {
        let payload = Bytes::from(bytes);
        let _ = decode_command(Encoding::ALL[at], &payload, &CommandProperties::default(), &LIMITS);
        let _ = refused_id(Encoding::ALL[at], &payload, &CommandProperties::default());
    }

    #[test]
    fn almost_json_does_not_panic(text in r#"\{("(type|id|body|seq|mentions|x)":("[a-z\\"]{0,5}"|[0-9.e-]{1,6}|\[|\{|null|true),?){0,4}\}?"#) {
        let _ = json(&text);
    }

    #[test]
    fn damaged_protobuf_does_not_panic(at in 0..40usize, with: u8, cut in 0..60usize) {
        let command = pb::Command { r#type: "send".into(), id: "m1".into(), body: "hello".into(), mentions: vec!["bob".into(), "carol".into()],
            expires_in: 300, silent: true, ..Default::default() };
        let mut bytes = command.encode_to_vec();
        let length = bytes.len();
        bytes[at % length] = with;
        bytes.truncate(cut);
        let _ = decode_command(Encoding::Msg, &bytes.into(), &CommandProperties::default(), &LIMITS);
    }
}
