//! Every filter against every topic, compared with a matcher that knows only MQTT's rules.

use proptest::prelude::*;

use super::*;
use crate::topic::{Topic, parse_topic};

const NAMES: [&str; 9] = ["bob", "alice", "team", "json", "raw", "rpc", "c", "presence", "@alice"];

/// All topics that the names allow.
fn topics(user: &str) -> Vec<(String, Topic)> {
    let mut topics = Vec::new();
    for name in NAMES {
        for encoding in Encoding::ALL {
            topics.push(format!("u/{user}/c/{name}/{encoding}"));
        }
        topics.push(format!("u/{user}/presence/{name}"));
        topics.push(format!("u/{user}/rpc/{name}"));
    }
    topics.push(format!("u/{user}/rpc/msg"));
    topics.into_iter().filter_map(|topic| parse_topic(&topic).ok().map(|parsed| (topic, parsed))).collect()
}

/// MQTT 5.0 section 4.7, level by level.
fn mqtt_matches(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        ([level, filter @ ..], [name, topic @ ..]) => (level == name || *level == "+") && mqtt_matches(filter, topic),
        _ => false,
    }
}

fn matches(filter: &UserFilter, topic: &Topic) -> bool {
    match topic {
        Topic::Conversation { user, conversation, encoding } => {
            user == filter.user() && filter.matches_conversation(conversation).contains(*encoding)
        }
        Topic::Rpc { user, encoding } => user == filter.user() && filter.rpc().contains(*encoding),
        Topic::Presence { user, other } => {
            user == filter.user() && filter.presence().is_some_and(|which| which.includes(other))
        }
        Topic::Outside => false,
    }
}

fn bob() -> UserId {
    UserId::parse("bob").unwrap()
}

fn agree(filter: &str, service: bool) -> Result<(), TestCaseError> {
    let parsed = parse_filter(filter, &bob(), service);
    let levels: Vec<_> = filter.split('/').collect();
    for user in ["bob", "alice"] {
        for (topic, meaning) in topics(user) {
            let expected = mqtt_matches(&levels, &topic.split('/').collect::<Vec<_>>());
            match &parsed {
                Ok(parsed) => prop_assert_eq!(matches(parsed, &meaning), expected, "{} on {}", filter, topic),
                Err(refusal) if refusal.code == ErrorCode::UnknownTopic => {
                    prop_assert!(!expected, "{} on {}", filter, topic);
                }
                Err(refusal) => {
                    let reaches_own = levels.first() == Some(&"u") && levels.get(1) == Some(&"bob");
                    prop_assert!(!reaches_own || refusal.code == ErrorCode::BadFilter, "{}: {}", filter, refusal);
                }
            }
        }
    }
    Ok(())
}

fn level() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
        3 => Just("+".to_owned()),
        1 => Just("#".to_owned()),
        1 => Just("msg".to_owned()),
        1 => "[+#a/@]{0,2}",
    ]
}

proptest! {
    #[test]
    fn filters_match_what_mqtt_says(
        below in prop::collection::vec(level(), 0..5), open: bool, user in prop::sample::select(vec!["bob", "bob", "alice", "+"]),
        service: bool,
    ) {
        let mut filter = format!("u/{user}");
        for level in below.iter().map(String::as_str).chain(open.then_some("#")) {
            filter.push('/');
            filter.push_str(level);
        }
        agree(&filter, service)?;
    }

    #[test]
    fn no_filter_panics(filter: String) {
        let _ = parse_filter(&filter, &bob(), true);
        let _ = parse_filter(&format!("u/bob/{filter}"), &bob(), false);
    }
}

#[test]
fn every_short_filter_matches_what_mqtt_says() {
    let levels = ["bob", "team", "json", "rpc", "c", "presence", "@alice", "+", "#"];
    for first in levels {
        agree(&format!("u/bob/{first}"), false).unwrap();
        for second in levels {
            agree(&format!("u/bob/{first}/{second}"), false).unwrap();
            for third in levels {
                agree(&format!("u/bob/{first}/{second}/{third}"), false).unwrap();
                agree(&format!("u/bob/{first}/{second}/{third}/#"), false).unwrap();
            }
        }
    }
}

fn code(filter: &str, service: bool) -> Option<ErrorCode> {
    parse_filter(filter, &bob(), service).err().map(|refusal| refusal.code)
}

#[test]
fn only_a_service_names_another_user_and_nobody_all_users() {
    assert_eq!(code("u/bob/c/+/json", false), None);
    assert_eq!(code("u/alice/c/+/json", false), Some(ErrorCode::NotYourTopic));
    assert_eq!(code("u/alice/c/+/json", true), None);
    for service in [false, true] {
        for filter in ["u/+/c/+/json", "u/#", "#", "+/bob/c/+/json", "u", "sensors/#", "$SYS/#", "/u/bob/#"] {
            assert_eq!(code(filter, service), Some(ErrorCode::NotYourTopic), "{filter}");
        }
    }
}

#[test]
fn what_can_match_nothing_is_refused() {
    for filter in [
        "u/bob",
        "u/bob/",
        "u/bob/c",
        "u/bob/c/team",
        "u/bob/c/+",
        "u/bob/c/a:b/json",
        "u/bob/rpc/raw",
        "u/bob/presence/@alice",
        "u/bob/c/team/xml",
        "u/bob/+/+/+/+",
        "u/bob/c/+/json/+",
        "u/bob/x/#",
    ] {
        assert_eq!(code(filter, false), Some(ErrorCode::UnknownTopic), "{filter}");
    }
    assert_eq!(code("u/@x/c/+/json", true), Some(ErrorCode::UnknownTopic));
}

#[test]
fn what_is_no_filter_is_refused() {
    for filter in ["u/bob/c/te+m/json", "u/bob/#/json", "u/bob/c#", "u/bob/++"] {
        assert_eq!(code(filter, false), Some(ErrorCode::BadFilter), "{filter}");
    }
    assert_eq!(code("$share/group/u/bob/c/+/json", false), Some(ErrorCode::SharedUnavailable));
}

#[test]
fn a_wide_filter_takes_in_everything_of_its_user() {
    let filter = parse_filter("u/bob/#", &bob(), false).unwrap();
    let team = ConversationId::named("team").unwrap();
    assert_eq!(filter.matches_conversation(&team).iter().collect::<Vec<_>>(), Encoding::ALL);
    assert_eq!(filter.presence(), Some(&Which::All));
    assert_eq!(filter.rpc().iter().collect::<Vec<_>>(), [Encoding::Msg, Encoding::Json]);
}
