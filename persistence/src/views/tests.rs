//! The rows of each kind of entry.
#![allow(clippy::unwrap_used)]

use longwave_model::{DeviceId, MemberEntry, Message};

use super::*;

fn entry(content: Content) -> Arc<Entry> {
    Arc::new(Entry {
        conversation: ConversationId::parse("team").unwrap(),
        seq: Seq(7),
        ts: 1_000,
        sender: UserId::parse("alice").unwrap(),
        device: Some(DeviceId::parse("laptop").unwrap()),
        id: Some(MessageId::parse("m1".into()).unwrap()),
        expires_at: Some(2_000),
        origin: None,
        content,
    })
}

fn audience() -> Arc<Audience> {
    Arc::new(Audience(vec![UserId::parse("alice").unwrap(), UserId::parse("bob").unwrap()]))
}

#[test]
fn the_head_follows_the_log_row_and_the_inbox_follows_the_head() {
    let writes = views(&entry(Content::Message(Message::default())), &audience());
    let position = |wanted: fn(&ViewWrite) -> bool| writes.iter().position(wanted).unwrap();
    let log = position(|write| matches!(write, ViewWrite::Log(_)));
    let head = position(|write| matches!(write, ViewWrite::Head { .. }));
    let inbox = position(|write| matches!(write, ViewWrite::InboxHead { .. }));
    assert!(log < head && head < inbox);
    assert_eq!(writes.iter().filter(|write| matches!(write, ViewWrite::InboxHead { .. })).count(), 2);
}

#[test]
fn a_dedup_row_outlives_the_entry() {
    let writes = views(&entry(Content::Message(Message::default())), &audience());
    let expires = writes.iter().find_map(|write| match write {
        ViewWrite::Dedup { expires, .. } => Some(*expires),
        _ => None,
    });
    assert_eq!(expires, Some(1_000 + DEDUP_MILLIS));
}

#[test]
fn leaving_sets_left_and_deletes_nothing() {
    let left = Content::Member(MemberEntry {
        change: MemberChange::Left,
        user: UserId::parse("bob").unwrap(),
        role: Role::Member,
        kind: ConversationKind::Group,
    });
    let writes = views(&entry(left), &audience());
    assert!(writes.iter().any(|write| matches!(write, ViewWrite::Left { seq: Seq(7), .. })));
}
