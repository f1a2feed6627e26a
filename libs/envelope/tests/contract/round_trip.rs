//! What the server writes, a client reads, the same from JSON and from protobuf.

use std::borrow::Cow;

use bytes::Bytes;
use longwave_envelope::{ConversationChange, Event, MessageEvent, encode_event};
use longwave_model::{ConversationKind, DeviceId, ErrorCode, MemberChange, Message, MessageId, Role, Seq, UserId, pb};
use longwave_topics::Encoding;
use proptest::prelude::*;

use crate::client_view;

fn user() -> impl Strategy<Value = UserId> {
    "[A-Za-z0-9._-][A-Za-z0-9._@-]{0,63}".prop_map(|name| UserId::parse(&name).unwrap())
}

fn id() -> impl Strategy<Value = MessageId> {
    let bytes = prop::collection::vec(any::<u8>(), 1..=32).prop_map(Bytes::from);
    let text = "[ -~]{1,32}".prop_map(Bytes::from);
    prop_oneof![bytes, text].prop_map(|id| MessageId::parse(id).unwrap())
}

fn body() -> impl Strategy<Value = Bytes> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    prop_oneof![bytes, any::<String>().prop_map(Bytes::from)]
}

fn read_both(event: &Event<'_>, expected: &pb::Event) -> Result<(), TestCaseError> {
    for encoding in [Encoding::Json, Encoding::Msg] {
        let encoded = encode_event(encoding, event).unwrap();
        prop_assert_eq!((encoded.content_type, encoded.correlation_data), (None, None));
        prop_assert_eq!(&client_view::read(encoding, &encoded.payload), expected, "{}", encoding);
    }
    Ok(())
}

fn text(text: impl ToString) -> String {
    text.to_string()
}

proptest! {
    #[test]
    fn messages(
        conv: String, seq: u64, ts: u64, from in user(), device in proptest::option::of("[^\\p{C}]{1,30}"),
        id in proptest::option::of(id()), body in body(), content_type in proptest::option::of("[^\\p{C}]{1,20}"),
        mentions in prop::collection::vec(user(), 0..4), silent: bool, scheme in proptest::option::of("[a-z]{1,9}"),
        expires_at in proptest::option::of(1u64..),
    ) {
        let device = device.map(|device| DeviceId::parse(&device).unwrap());
        let message = Message { body, content_type, mentions, silent, scheme };
        let event = Event::Message(MessageEvent {
            conv: Cow::Borrowed(&conv), seq: Seq(seq), id: id.as_ref(), from: &from, device: device.as_ref(), ts,
            message: &message, expires_at,
        });
        let expected = pb::Event {
            r#type: text("message"), conv: conv.clone(), seq, ts, from: text(&from),
            id: id.as_ref().map_or_else(Bytes::new, |id| id.as_bytes().clone()),
            device: device.as_ref().map(text).unwrap_or_default(), body: message.body.clone(),
            content_type: message.content_type.clone().unwrap_or_default(), mentions: message.mentions.iter().map(text).collect(),
            silent: message.silent, scheme: message.scheme.clone().unwrap_or_default(),
            expires_at: expires_at.unwrap_or(0), ..Default::default()
        };
        read_both(&event, &expected)?;
        let raw = encode_event(Encoding::Raw, &event).unwrap();
        prop_assert_eq!((raw.payload, raw.content_type), (message.body.clone(), message.content_type.clone()));
        prop_assert_eq!(raw.correlation_data, id.map(|id| id.as_bytes().clone()));
    }

    #[test]
    fn signals(conv: String, from in user(), id in id(), seq: u64, ts: u64, read: u64, reason: String, number in 0..40usize) {
        let view = |kind: &str| pb::Event { r#type: text(kind), conv: conv.clone(), ..Default::default() };
        let conv = || Cow::Borrowed(conv.as_str());
        let by = |kind| pb::Event { from: text(&from), ..view(kind) };
        read_both(
            &Event::Receipt { conv: conv(), id: &id, seq: Seq(seq), ts },
            &pb::Event { id: id.as_bytes().clone(), seq, ts, ..view("receipt") },
        )?;
        read_both(
            &Event::Mark { conv: conv(), from: &from, delivered: Seq(seq), read: Seq(read) },
            &pb::Event { delivered: seq, read, ..by("mark") },
        )?;
        read_both(&Event::Typing { conv: conv(), from: &from }, &by("typing"))?;
        read_both(
            &Event::Gap { conv: conv(), from: Seq(seq), to: Seq(read) },
            &pb::Event { gap_from: seq, to: read, ..view("gap") },
        )?;
        let code = ErrorCode::ALL[number % ErrorCode::ALL.len()];
        let refusal = pb::Event { code: code.number().into(), reason: reason.clone(), ..view("error") };
        read_both(
            &Event::Error { conv: Some(conv()), id: Some(&id), code, reason: &reason },
            &pb::Event { id: id.as_bytes().clone(), ..refusal.clone() },
        )?;
        read_both(
            &Event::Error { conv: None, id: None, code, reason: &reason },
            &pb::Event { conv: String::new(), ..refusal },
        )?;
    }

    #[test]
    fn changes(
        conv: String, from in user(), other in user(), seq: u64, ts: u64, title in proptest::option::of(any::<String>()),
        role in 1..5u32, change in 1..5u32, kind in proptest::option::of(1..4u32),
    ) {
        let (role, change) = (Role::from_number(role).unwrap(), MemberChange::from_number(change).unwrap());
        let kind = kind.and_then(ConversationKind::from_number);
        let view = |kind: &str| pb::Event {
            r#type: text(kind), conv: conv.clone(), seq, ts, from: text(&from), ..Default::default()
        };
        let conv = || Cow::Borrowed(conv.as_str());
        read_both(
            &Event::Member { conv: conv(), seq: Seq(seq), from: &from, ts, change, user: &other, role },
            &pb::Event { change: text(change.name()), user: text(&other), role: text(role.name()), ..view("member") },
        )?;
        for change in [ConversationChange::Created, ConversationChange::Updated] {
            let event = Event::Conversation {
                conv: conv(), seq: Seq(seq), from: &from, ts, change, kind, title: title.as_deref(),
            };
            let kind = kind.map(|kind| text(kind.name())).unwrap_or_default();
            let expected = pb::Event { change: text(change.name()), kind, title: title.clone(), ..view("conversation") };
            read_both(&event, &expected)?;
        }
    }
}
