//! Which entries are told to whom, and in which form.

use longwave_model::{ConversationId, Created, MemberEntry, Updated};

use super::*;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn entry(conversation: &str, seq: u64, content: Content) -> Entry {
    Entry {
        conversation: ConversationId::parse(conversation).unwrap(),
        seq: Seq(seq),
        ts: 1_700_000_000_000,
        sender: user("alice"),
        device: Some(DeviceId::parse("laptop").unwrap()),
        id: Some(MessageId::parse("m1".into()).unwrap()),
        expires_at: None,
        origin: None,
        content,
    }
}

fn message(body: &[u8]) -> Content {
    Content::Message(Message { body: Bytes::copy_from_slice(body), ..Message::default() })
}

fn json(event: &Event<'_>) -> String {
    String::from_utf8(encode_event(Encoding::Json, event).unwrap().payload.to_vec()).unwrap()
}

#[test]
fn conv_is_what_the_viewer_calls_it() {
    let entry = entry("alice:bob", 2, message(b"hi"));
    let seen_by_bob = json(&from_entry(&entry, &user("bob")).unwrap());
    let expected = r#"{"type":"message","conv":"@alice","seq":2,"id":"m1","from":"alice","device":"laptop","ts":1700000000000,"body":"hi"}"#;
    assert_eq!(seen_by_bob, expected);
    assert_eq!(json(&from_entry(&entry, &user("alice")).unwrap()), expected.replace("@alice", "@bob"));
}

#[test]
fn the_beginning_of_a_direct_conversation_is_not_told() {
    let created = |kind| Content::Created(Created { kind, title: Some("Team".into()), members: Vec::new() });
    assert_eq!(from_entry(&entry("alice:bob", 1, created(ConversationKind::Direct)), &user("bob")), None);
    let entry = entry("team", 1, created(ConversationKind::Group));
    assert_eq!(
        json(&from_entry(&entry, &user("bob")).unwrap()),
        r#"{"type":"conversation","conv":"team","seq":1,"from":"alice","ts":1700000000000,"change":"created","kind":"group","title":"Team"}"#
    );
}

#[test]
fn an_id_that_the_server_made_up_is_not_shown() {
    let made_up = Entry { id: Some(MessageId::derived(7)), ..entry("team", 2, message(b"hi")) };
    let event = from_entry(&made_up, &user("bob")).unwrap();
    assert!(!json(&event).contains("id_b64"), "{}", json(&event));
    assert_eq!(encode_event(Encoding::Raw, &event).unwrap().correlation_data, None);
}

#[test]
fn raw_is_the_body_itself_and_only_for_messages() {
    let body = Bytes::from_static(b"\xff\x00");
    let content =
        Content::Message(Message { body: body.clone(), content_type: Some("image/png".into()), ..Message::default() });
    let entry = entry("team", 2, content);
    let encoded = encode_event(Encoding::Raw, &from_entry(&entry, &user("bob")).unwrap()).unwrap();
    assert_eq!(encoded.payload.as_ptr(), body.as_ptr());
    assert_eq!(encoded.content_type.as_deref(), Some("image/png"));
    assert_eq!(encoded.correlation_data.as_deref(), Some(&b"m1"[..]));
    let change = MemberEntry {
        change: MemberChange::Added,
        user: user("bob"),
        role: Role::Member,
        kind: ConversationKind::Group,
    };
    let entry = self::entry("team", 3, Content::Member(change));
    assert_eq!(encode_event(Encoding::Raw, &from_entry(&entry, &user("bob")).unwrap()), None);
}

#[test]
fn a_title_that_was_taken_away_is_not_one_that_stayed() {
    let updated = |title| Content::Updated(Updated { title, ..Updated::default() });
    for (title, text) in [(Some(String::new()), r#""change":"updated","title":""}"#), (None, r#""change":"updated"}"#)]
    {
        let entry = entry("team", 4, updated(title));
        let event = from_entry(&entry, &user("bob")).unwrap();
        assert!(json(&event).ends_with(text), "{}", json(&event));
    }
}

#[test]
fn an_event_can_be_part_of_a_result() {
    let entry = entry("team", 2, message(b"\xff"));
    let event = from_entry(&entry, &user("bob")).unwrap();
    let value = serde_json::to_value(vec![event.clone()]).unwrap();
    assert_eq!(value[0]["body_b64"], "/w==");
    assert_eq!(serde_json::to_string(&[&event]).unwrap(), format!("[{}]", json(&event)));
}
