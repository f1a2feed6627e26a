//! Roles and limits, as tables.

use longwave_model::{Content, ConversationKind, Created, MemberChange, MemberEntry, Membership, Updated};

use super::*;
use crate::lane::conversation::Direct;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// One of each role, named by it; `owners` owners.
fn conversation(kind: ConversationKind, owners: usize) -> Conversation {
    let owners = (0..owners).map(|n| (user(&format!("owner{n}")), Role::Owner));
    let others = [("admin", Role::Admin), ("admin2", Role::Admin), ("member", Role::Member), ("reader", Role::Reader)];
    let members = owners.chain(others.map(|(name, role)| (user(name), role)));
    Conversation::existing(&ConversationId::named("team").unwrap(), Seq(9), kind, members, None)
}

fn done(conversation: &Conversation, actor: &str, wanted: &Change) -> Result<bool, ErrorCode> {
    let limit = 7;
    change(conversation, &user(actor), wanted, limit).map(|content| content.is_some()).map_err(|refusal| refusal.code)
}

const ROLE_TOO_LOW: Result<bool, ErrorCode> = Err(ErrorCode::RoleTooLow);

#[test]
fn who_may_do_what_in_a_group() {
    let group = conversation(ConversationKind::Group, 1);
    let add = |role| Change::Add { user: user("new"), role };
    let remove = |name: &str| Change::Remove { user: user(name) };
    let set = |name: &str, role| Change::SetRole { user: user(name), role };
    let title = || Change::Update(Updated { title: Some("T".into()), ..Updated::default() });
    let channel = || Change::Update(Updated { kind: Some(ConversationKind::Channel), ..Updated::default() });
    let table = [
        ("reader", add(None), ROLE_TOO_LOW),
        ("member", add(None), ROLE_TOO_LOW),
        ("admin", add(None), Ok(true)),
        ("admin", add(Some(Role::Reader)), Ok(true)),
        ("admin", add(Some(Role::Admin)), ROLE_TOO_LOW),
        ("owner0", add(Some(Role::Owner)), Ok(true)),
        ("stranger", add(None), Err(ErrorCode::UnknownConversation)),
        ("admin", Change::Add { user: user("member"), role: Some(Role::Reader) }, Ok(false)),
        ("member", remove("reader"), ROLE_TOO_LOW),
        ("admin", remove("member"), Ok(true)),
        ("admin", remove("admin2"), ROLE_TOO_LOW),
        ("admin", remove("owner0"), ROLE_TOO_LOW),
        ("admin", remove("admin"), Ok(true)),
        ("owner0", remove("admin"), Ok(true)),
        ("owner0", remove("stranger"), Err(ErrorCode::NotAMember)),
        ("owner0", remove("owner0"), Err(ErrorCode::LastOwner)),
        ("reader", Change::Leave, Ok(true)),
        ("owner0", Change::Leave, Err(ErrorCode::LastOwner)),
        ("stranger", Change::Leave, Err(ErrorCode::UnknownConversation)),
        ("admin", set("member", Role::Reader), Ok(true)),
        ("admin", set("reader", Role::Member), Ok(true)),
        ("admin", set("member", Role::Admin), ROLE_TOO_LOW),
        ("admin", set("admin2", Role::Member), ROLE_TOO_LOW),
        ("member", set("reader", Role::Member), ROLE_TOO_LOW),
        ("owner0", set("member", Role::Owner), Ok(true)),
        ("owner0", set("member", Role::Member), Ok(false)),
        ("owner0", set("owner0", Role::Member), Err(ErrorCode::LastOwner)),
        ("owner0", set("stranger", Role::Member), Err(ErrorCode::NotAMember)),
        ("member", title(), ROLE_TOO_LOW),
        ("admin", title(), Ok(true)),
        ("admin", channel(), Ok(true)),
        ("member", channel(), ROLE_TOO_LOW),
    ];
    for (actor, wanted, expected) in table {
        assert_eq!(done(&group, actor, &wanted), expected, "{actor}: {wanted:?}");
    }
}

#[test]
fn an_owner_may_go_when_another_remains_or_nobody_else_does() {
    let two = conversation(ConversationKind::Group, 2);
    assert_eq!(done(&two, "owner0", &Change::Leave), Ok(true));
    let alone = Conversation::existing(
        &ConversationId::named("team").unwrap(),
        Seq(1),
        ConversationKind::Group,
        [(user("owner0"), Role::Owner)],
        None,
    );
    assert_eq!(done(&alone, "owner0", &Change::Leave), Ok(true));
}

#[test]
fn a_group_has_a_limit_and_a_channel_has_none() {
    let add = Change::Add { user: user("new"), role: None };
    assert_eq!(done(&conversation(ConversationKind::Group, 3), "owner0", &add), Err(ErrorCode::GroupFull));
    let channel = conversation(ConversationKind::Channel, 3);
    let content = change(&channel, &user("owner0"), &add, 7).unwrap();
    let Some(Content::Member(MemberEntry { change: MemberChange::Added, role, .. })) = content else {
        panic!("{content:?}")
    };
    assert_eq!(role, Role::Reader, "a channel's usual member");
    let absent = Conversation::absent(&ConversationId::named("new").unwrap(), None);
    let members = |count: usize| {
        (0..count).map(|n| Membership { user: user(&format!("u{n}")), role: Role::Member }).collect::<Vec<_>>()
    };
    for (kind, count, expected) in [
        (ConversationKind::Group, 7, Ok(true)),
        (ConversationKind::Group, 8, Err(ErrorCode::GroupFull)),
        (ConversationKind::Channel, 8, Ok(true)),
        (ConversationKind::Direct, 2, Err(ErrorCode::WrongKind)),
    ] {
        let created = Change::Create(Created { kind, title: None, members: members(count) });
        assert_eq!(done(&absent, "u0", &created), expected, "{kind:?} {count}");
    }
}

#[test]
fn becoming_a_channel_is_final() {
    let to = |kind| Change::Update(Updated { kind: Some(kind), ..Updated::default() });
    let channel = conversation(ConversationKind::Channel, 1);
    assert_eq!(done(&channel, "owner0", &to(ConversationKind::Channel)), Ok(false));
    assert_eq!(done(&channel, "owner0", &to(ConversationKind::Group)), Err(ErrorCode::WrongKind));
}

#[test]
fn a_second_creation_is_refused() {
    let created = Created { kind: ConversationKind::Group, title: None, members: Vec::new() };
    let group = conversation(ConversationKind::Group, 1);
    assert_eq!(done(&group, "owner0", &Change::Create(created)), Err(ErrorCode::ConversationExists));
}

fn direct(head: u64, direct: Direct) -> (ConversationId, Conversation) {
    let id = ConversationId::direct(&user("alice"), &user("bob"));
    let conversation = Conversation::existing(&id, Seq(head), ConversationKind::Direct, [], Some(direct));
    (id, conversation)
}

#[test]
fn nothing_of_a_direct_conversation_can_be_changed() {
    let (_, conversation) = direct(3, Direct::default());
    for wanted in [
        Change::Leave,
        Change::Add { user: user("carol"), role: None },
        Change::Remove { user: user("bob") },
        Change::SetRole { user: user("bob"), role: Role::Owner },
        Change::Update(Updated { title: Some("T".into()), ..Updated::default() }),
    ] {
        assert_eq!(done(&conversation, "alice", &wanted), Err(ErrorCode::WrongKind), "{wanted:?}");
    }
}

#[test]
fn who_may_send_in_a_direct_conversation() {
    let sends = |head, facts: Direct, sender: &str| {
        let (id, conversation) = direct(head, facts);
        send(&id, &conversation, &user(sender)).map_err(|refusal| refusal.code)
    };
    let open = || Direct { may_open: true, ..Direct::default() };
    let blocked = |name: &str| Direct { blocked_by: [user(name)].into_iter().collect(), ..open() };
    let unknown = |name: &str| Direct { unknown: [user(name)].into_iter().collect(), ..open() };
    for (head, facts, sender, expected) in [
        (0, open(), "alice", Ok(())),
        (0, Direct::default(), "alice", Err(ErrorCode::DirectClosed)),
        (5, Direct::default(), "alice", Ok(())),
        (5, blocked("bob"), "alice", Err(ErrorCode::Blocked)),
        (0, blocked("bob"), "alice", Err(ErrorCode::Blocked)),
        (5, blocked("bob"), "bob", Ok(())),
        (0, unknown("bob"), "alice", Err(ErrorCode::UnknownPeer)),
        (0, unknown("alice"), "alice", Ok(())),
        (5, open(), "carol", Err(ErrorCode::NotAMember)),
    ] {
        assert_eq!(sends(head, facts.clone(), sender), expected, "{head} {facts:?} {sender}");
    }
}

#[test]
fn who_may_send_in_a_group() {
    let id = ConversationId::named("team").unwrap();
    let group = conversation(ConversationKind::Group, 1);
    let sends = |sender: &str| send(&id, &group, &user(sender)).map_err(|refusal| refusal.code);
    assert_eq!(sends("member"), Ok(()));
    assert_eq!(sends("owner0"), Ok(()));
    assert_eq!(sends("reader"), Err(ErrorCode::RoleTooLow));
    assert_eq!(sends("stranger"), Err(ErrorCode::NotAMember));
}

#[test]
fn marks_stay_within_the_log() {
    let group = conversation(ConversationKind::Group, 1);
    let reads = |name: &str, seq| read(&group, &user(name), Seq(seq)).map_err(|refusal| refusal.code);
    assert_eq!(reads("reader", 9), Ok(()));
    assert_eq!(reads("reader", 10), Err(ErrorCode::BadSeq));
    assert_eq!(reads("reader", 0), Err(ErrorCode::BadSeq));
    assert_eq!(reads("stranger", 1), Err(ErrorCode::NotAMember));
}
