//! Names are taken apart and put together the same way; everything else is refused with a reason.

use proptest::prelude::*;

use super::*;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

#[test]
fn a_conversation_is_named_as_its_user_sees_it() {
    let parsed = parse_topic("u/alice/c/@bob/json").unwrap();
    let conversation = ConversationId::direct(&user("alice"), &user("bob"));
    let expected = Topic::Conversation { user: user("alice"), conversation, encoding: Encoding::Json };
    assert_eq!(parsed, expected);
    let Topic::Conversation { conversation, .. } = parsed else { panic!("just compared") };
    assert_eq!(conversation_topic(&user("bob"), &conversation, Encoding::Raw), "u/bob/c/@alice/raw");
}

#[test]
fn the_other_shapes_are_known() {
    assert_eq!(parse_topic("u/bob/rpc/msg").unwrap(), Topic::Rpc { user: user("bob"), encoding: Encoding::Msg });
    let presence = Topic::Presence { user: user("bob"), other: user("alice@home") };
    assert_eq!(parse_topic("u/bob/presence/alice@home").unwrap(), presence);
    assert_eq!(rpc_topic(&user("bob"), Encoding::Json), "u/bob/rpc/json");
    assert_eq!(presence_topic(&user("bob"), &user("alice")), "u/bob/presence/alice");
}

#[test]
fn what_is_not_under_u_is_outside() {
    for topic in ["sensors/1", "u", "ub/c", "/u/bob/rpc/json", "U/bob/rpc/json", "$SYS/uptime", "é"] {
        assert_eq!(parse_topic(topic), Ok(Topic::Outside), "{topic}");
    }
}

#[test]
fn what_has_no_meaning_is_refused_with_a_reason() {
    for (topic, reason) in [
        ("u/", "the user in the topic: must have 1 to 64 characters, has 0"),
        ("u/@bob/rpc/json", "the user in the topic: must not begin with '@'"),
        ("u/bob", SHAPES),
        ("u/bob/c/team", SHAPES),
        ("u/bob/c/team/json/x", SHAPES),
        ("u/bob/c/team/json/", SHAPES),
        ("u/bob/c/team/xml", "the last level must be msg, json or raw"),
        ("u/bob/c/team/JSON", "the last level must be msg, json or raw"),
        ("u/bob/c/a:b/json", "the conversation in the topic: character ':' is not allowed"),
        ("u/bob/c//json", "the conversation in the topic: must have 1 to 64 characters, has 0"),
        ("u/bob/c/@/json", "the conversation in the topic: must have 1 to 64 characters, has 0"),
        ("u/bob/rpc/raw", "requests go to u/{user}/rpc/json or u/{user}/rpc/msg"),
        ("u/bob/rpc", SHAPES),
        ("u/bob/presence", SHAPES),
        ("u/bob/presence/@alice", "the other user in the topic: must not begin with '@'"),
        ("u/bob/sensors/1", SHAPES),
    ] {
        let refusal = parse_topic(topic).unwrap_err();
        assert_eq!((refusal.code, &*refusal.reason), (ErrorCode::UnknownTopic, reason), "{topic}");
    }
}

proptest! {
    #[test]
    fn built_topics_parse_back(me in "[a-z.@_-]{1,9}", peer in "[a-z.@_-]{1,9}", group in "[A-Za-z0-9._-]{1,64}", at in 0..3usize) {
        let (Ok(me), Ok(peer)) = (UserId::parse(&me), UserId::parse(&peer)) else { return Ok(()) };
        let encoding = Encoding::ALL[at];
        for conversation in [ConversationId::direct(&me, &peer), ConversationId::named(&group).unwrap()] {
            let topic = conversation_topic(&me, &conversation, encoding);
            prop_assert_eq!(parse_topic(&topic), Ok(Topic::Conversation { user: me.clone(), conversation, encoding }));
        }
        let topic = presence_topic(&me, &peer);
        prop_assert_eq!(parse_topic(&topic), Ok(Topic::Presence { user: me, other: peer }));
    }

    #[test]
    fn no_topic_panics(topic: String, levels in proptest::collection::vec("[uc@+#é:]{0,2}|rpc|json|presence", 0..7)) {
        let _ = parse_topic(&topic);
        let _ = parse_topic(&format!("u/{}", levels.join("/")));
    }
}
