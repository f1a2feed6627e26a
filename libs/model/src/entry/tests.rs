//! Entries survive encoding; damaged rows are errors, never panics.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn entry(body: Vec<u8>, seq: u64, id: Option<Vec<u8>>) -> Entry {
    Entry {
        conversation: ConversationId::parse("alice:bob").unwrap(),
        seq: Seq(seq),
        ts: 1_700_000_000_000,
        sender: UserId::parse("alice").unwrap(),
        device: Some(DeviceId::parse("laptop").unwrap()),
        id: id.map(|id| MessageId::parse(id.into()).unwrap()),
        expires_at: None,
        origin: Some(Origin {
            incarnation: 3,
            first: FirstSending { connection: 9, number: 4 },
            packet_id: 1,
            fingerprint: 77,
        }),
        content: Content::Message(Message { body: body.into(), silent: true, ..Message::default() }),
    }
}

proptest! {
    #[test]
    fn messages_survive(body in proptest::collection::vec(any::<u8>(), 0..300), seq in 1u64..,
                        id in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..=32))) {
        let entry = entry(body, seq, id);
        prop_assert_eq!(Entry::decode(entry.encode().into()).unwrap(), entry);
    }

    #[test]
    fn damaged_rows_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Entry::decode(bytes.into());
    }

    #[test]
    fn cut_rows_do_not_panic(cut in 0usize..60) {
        let bytes = entry(b"hello".to_vec(), 5, None).encode();
        let _ = Entry::decode(Bytes::from(bytes).slice(..cut.min(40)));
    }
}

#[test]
fn a_newer_version_is_refused() {
    let row = pb::JournalEntry { version: VERSION + 1, ..Default::default() };
    assert!(matches!(Entry::decode(row.encode_to_vec().into()), Err(EntryError::Version(2))));
}

#[test]
fn every_kind_of_content_survives() {
    let alice = UserId::parse("alice").unwrap();
    for content in [
        Content::Created(Created {
            kind: ConversationKind::Group,
            title: Some("Team".into()),
            members: vec![Membership { user: alice.clone(), role: Role::Owner }],
        }),
        Content::Member(MemberEntry {
            change: MemberChange::Left,
            user: alice,
            role: Role::Member,
            kind: ConversationKind::Group,
        }),
        Content::Updated(Updated { title: Some(String::new()), retention_entries: Some(10), ..Updated::default() }),
    ] {
        let entry = Entry { content, ..entry(Vec::new(), 1, None) };
        assert_eq!(Entry::decode(entry.encode().into()).unwrap(), entry);
    }
}
