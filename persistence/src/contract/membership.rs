//! Conversations, members, inboxes.

use longwave_model::{ConversationId, ConversationKind, MemberChange, Role, Seq, Updated};

use super::Backend;
use super::sample::{Owner, conversation, created, member, message, updated, user};

async fn team(backend: &mut dyn Backend, kind: ConversationKind) -> (Owner, ConversationId) {
    let id = conversation("team");
    let mut owner = Owner::of(backend.store(), &id).await;
    let audience: &[&str] = if kind == ConversationKind::Channel { &[] } else { &["alice", "bob"] };
    owner.applied(vec![created(&id, kind, &[("alice", Role::Owner), ("bob", Role::Member)])], audience).await;
    (owner, id)
}

pub async fn creation_makes_members_and_inboxes(backend: &mut dyn Backend) {
    let (owner, id) = team(backend, ConversationKind::Group).await;
    let row = owner.store.conversation(&id).await.unwrap().unwrap();
    assert_eq!((row.kind, row.title.as_deref(), row.version), (ConversationKind::Group, Some("A title"), Seq(1)));
    assert_eq!((row.creator, row.retention_age_seconds, row.retention_entries), (user("alice"), None, None));
    let members = owner.store.members(&id).await.unwrap();
    let named: Vec<_> = members.iter().map(|one| (one.user.as_str(), one.role, one.joined, one.left)).collect();
    assert_eq!(named, [("alice", Role::Owner, Seq(1), None), ("bob", Role::Member, Seq(1), None)]);
    let inbox = owner.store.inbox(&user("bob")).await.unwrap();
    assert_eq!(inbox.len(), 1);
    assert_eq!((&inbox[0].conversation, inbox[0].kind, inbox[0].head), (&id, ConversationKind::Group, Seq(1)));
    assert_eq!(owner.store.inbox(&user("bo")).await.unwrap(), []);
    assert_eq!(owner.store.member(&id, &user("carol")).await.unwrap(), None);
    assert_eq!(owner.store.inbox_row(&user("carol"), &id).await.unwrap(), None);
}

pub async fn leaving_and_joining_again(backend: &mut dyn Backend) {
    let (mut owner, id) = team(backend, ConversationKind::Group).await;
    let bob = user("bob");
    let group = ConversationKind::Group;
    owner.applied(vec![member(&id, 2, MemberChange::Left, "bob", Role::Member, group)], &["alice"]).await;
    owner.applied(vec![message(&id, 3, "alice")], &["alice"]).await;
    let row = owner.store.member(&id, &bob).await.unwrap().unwrap();
    assert!(!row.is_present());
    assert_eq!(row.left, Some(Seq(2)));
    let inbox = owner.store.inbox_row(&bob, &id).await.unwrap().unwrap();
    assert_eq!(inbox.left, Some(Seq(2)));
    assert!(inbox.head <= Seq(2), "nothing after the leave reaches the inbox");
    let rejoin = member(&id, 4, MemberChange::Added, "bob", Role::Admin, group);
    owner.applied(vec![rejoin], &["alice", "bob"]).await;
    let row = owner.store.member(&id, &bob).await.unwrap().unwrap();
    assert!(row.is_present());
    assert_eq!((row.joined, row.role), (Seq(4), Role::Admin));
    let inbox = owner.store.inbox_row(&bob, &id).await.unwrap().unwrap();
    assert_eq!((inbox.joined, inbox.head), (Seq(4), Seq(4)));
}

pub async fn a_role_changes(backend: &mut dyn Backend) {
    let (mut owner, id) = team(backend, ConversationKind::Group).await;
    let promoted = member(&id, 2, MemberChange::Role, "bob", Role::Admin, ConversationKind::Group);
    owner.applied(vec![promoted], &["alice", "bob"]).await;
    let row = owner.store.member(&id, &user("bob")).await.unwrap().unwrap();
    assert_eq!((row.role, row.joined, row.is_present()), (Role::Admin, Seq(1), true));
}

pub async fn facts_change_one_by_one(backend: &mut dyn Backend) {
    let (mut owner, id) = team(backend, ConversationKind::Group).await;
    let titled = Updated { title: Some("Another".to_owned()), ..Updated::default() };
    let kept = Updated { retention_entries: Some(5), retention_age_seconds: Some(60), ..Updated::default() };
    owner.applied(vec![updated(&id, 2, titled), updated(&id, 3, kept)], &["alice", "bob"]).await;
    let row = owner.store.conversation(&id).await.unwrap().unwrap();
    assert_eq!((row.title.as_deref(), row.retention_entries, row.version), (Some("Another"), Some(5), Seq(3)));
    assert_eq!(row.retention_age_seconds, Some(60));
    let back = Updated { retention_entries: Some(0), ..Updated::default() };
    owner.applied(vec![updated(&id, 4, back)], &["alice", "bob"]).await;
    let row = owner.store.conversation(&id).await.unwrap().unwrap();
    assert_eq!((row.retention_entries, row.retention_age_seconds), (None, Some(60)));
    assert_eq!(row.title.as_deref(), Some("Another"));
}

pub async fn an_inbox_follows_the_head(backend: &mut dyn Backend) {
    let (mut owner, id) = team(backend, ConversationKind::Group).await;
    let more = (2..=9).map(|seq| message(&id, seq, "alice")).collect();
    owner.applied(more, &["alice", "bob"]).await;
    for name in ["alice", "bob"] {
        let row = owner.store.inbox_row(&user(name), &id).await.unwrap().unwrap();
        assert_eq!((row.head, row.joined, row.left), (Seq(9), Seq(1), None));
    }
}

pub async fn a_channel_raises_no_inbox(backend: &mut dyn Backend) {
    let (mut owner, id) = team(backend, ConversationKind::Channel).await;
    owner.applied(vec![message(&id, 2, "alice")], &[]).await;
    let row = owner.store.inbox_row(&user("bob"), &id).await.unwrap().unwrap();
    assert_eq!((row.kind, row.head), (ConversationKind::Channel, Seq(1)));
    assert_eq!(owner.store.head(&id).await.unwrap().unwrap().seq, Seq(2));
}

pub async fn becoming_a_channel_marks_the_inboxes(backend: &mut dyn Backend) {
    let (mut owner, id) = team(backend, ConversationKind::Group).await;
    let grown = Updated { kind: Some(ConversationKind::Channel), ..Updated::default() };
    owner.applied(vec![updated(&id, 2, grown)], &["alice", "bob"]).await;
    owner.applied(vec![message(&id, 3, "alice")], &[]).await;
    let row = owner.store.inbox_row(&user("bob"), &id).await.unwrap().unwrap();
    assert_eq!(row.kind, ConversationKind::Channel);
    assert_eq!(owner.store.conversation(&id).await.unwrap().unwrap().kind, ConversationKind::Channel);
}
