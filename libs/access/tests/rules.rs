//! Rules as an operator writes them, and what they decide.
#![allow(clippy::unwrap_used)]

use longwave_access::{AccessList, AccessListError, DecidedBy, Groups, Rule, Who};
use longwave_model::{DeviceId, UserId};

#[derive(serde::Deserialize)]
struct File {
    rules: Vec<Rule>,
    #[serde(default)]
    groups: Groups,
}

fn list(text: &str) -> Result<AccessList, AccessListError> {
    let file: File = toml::from_str(text).unwrap();
    AccessList::new(file.rules, file.groups)
}

const HOUSE: &str = r##"
[groups]
staff = ["carol"]

[[rules]]
name = "secret"
effect = "deny"
actions = ["subscribe"]
topics = ["house/safe/#"]

[[rules]]
name = "own"
effect = "allow"
actions = ["publish", "retain", "subscribe"]
topics = ["sensors/%u/%c/#"]

[[rules]]
effect = "allow"
actions = ["subscribe", "publish"]
groups = ["staff"]
topics = ["house/#", "sensors/#"]

[[rules]]
effect = "allow"
actions = ["publish"]
users = ["bob"]
client_ids = ["kitchen"]
topics = ["alarm"]
"##;

fn ids(user: &str, client_id: &str) -> (UserId, DeviceId) {
    (UserId::parse(user).unwrap(), DeviceId::parse(client_id).unwrap())
}

fn said(user: &str, client_id: &str, groups: &[&str], what: &str, topic: &str) -> String {
    let (user, client_id) = ids(user, client_id);
    let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
    let who = Who { user: &user, client_id: &client_id, groups: &groups };
    let list = list(HOUSE).unwrap();
    let decision = match what {
        "subscribe" => list.subscribe(&who, topic),
        what => list.publish(&who, topic, what == "retain"),
    };
    decision.to_string()
}

#[test]
fn the_first_rule_that_fits_decides_and_is_named() {
    let own = "rule 2 (own), topic sensors/%u/%c/#";
    assert_eq!(said("bob", "kitchen", &[], "publish", "sensors/bob/kitchen/t"), format!("publish allowed: {own}"));
    assert_eq!(said("bob", "kitchen", &[], "retain", "sensors/bob/kitchen"), format!("retain allowed: {own}"));
    assert_eq!(said("bob", "hall", &[], "publish", "sensors/bob/kitchen"), "publish denied: no rule fits");
    assert_eq!(said("bob", "kitchen", &[], "publish", "alarm"), "publish allowed: rule 4, topic alarm");
    assert_eq!(said("bob", "hall", &[], "publish", "alarm"), "publish denied: no rule fits");
    assert_eq!(said("dave", "kitchen", &[], "publish", "alarm"), "publish denied: no rule fits");
}

#[test]
fn retaining_is_apart_from_publishing() {
    assert_eq!(said("carol", "x", &[], "publish", "house/door"), "publish allowed: rule 3, topic house/#");
    assert_eq!(said("carol", "x", &[], "retain", "house/door"), "retain denied: no rule fits");
    assert_eq!(said("dave", "x", &[], "retain", "house/door"), "publish denied: no rule fits");
}

#[test]
fn groups_come_from_the_list_and_from_the_token() {
    assert_eq!(said("carol", "x", &[], "subscribe", "house/door/+"), "subscribe allowed: rule 3, topic house/#");
    assert_eq!(said("dave", "x", &["staff"], "subscribe", "sensors/#"), "subscribe allowed: rule 3, topic sensors/#");
    assert_eq!(said("dave", "x", &["guests"], "subscribe", "house/door"), "subscribe denied: no rule fits");
}

#[test]
fn a_filter_is_denied_by_what_it_would_let_through() {
    let denied = "subscribe denied: rule 1 (secret), topic house/safe/#";
    for filter in ["house/safe", "house/safe/code", "house/+", "house/#", "#", "+/safe/#", "+/+"] {
        assert_eq!(said("carol", "x", &[], "subscribe", filter), denied, "{filter}");
    }
    assert_eq!(said("carol", "x", &[], "subscribe", "house/+/lamp/#"), denied);
    assert_eq!(said("carol", "x", &[], "subscribe", "house/door/#"), "subscribe allowed: rule 3, topic house/#");
    assert_eq!(said("bob", "kitchen", &[], "subscribe", "sensors/bob/+/#"), "subscribe denied: no rule fits");
}

#[test]
fn the_list_has_no_say_elsewhere() {
    let (user, client_id) = ids("carol", "x");
    let who = Who { user: &user, client_id: &client_id, groups: &[] };
    let all = "[[rules]]\neffect = \"allow\"\nactions = [\"publish\", \"retain\", \"subscribe\"]\ntopics = [\"#\"]\n";
    let list = list(all).unwrap();
    for topic in ["u/carol/x", "u", "$SYS/x", "$share/g/t", "", "a/+", "a+b", "#/a"] {
        assert_eq!(list.publish(&who, topic, true).by, DecidedBy::NotPlain, "{topic}");
    }
    for filter in ["u/carol/#", "u", "$SYS/#", "$share/g/t", "", "a+b", "#/a"] {
        assert_eq!(list.subscribe(&who, filter).by, DecidedBy::NotPlain, "{filter}");
    }
    assert!(list.subscribe(&who, "ux/#").is_allowed());
    assert!(list.publish(&who, "any/thing", true).is_allowed());
}

#[test]
fn without_rules_everything_is_denied() {
    let (user, client_id) = ids("carol", "x");
    let who = Who { user: &user, client_id: &client_id, groups: &[] };
    let list = AccessList::default();
    assert_eq!(list.publish(&who, "t", false).by, DecidedBy::NoRule);
    assert_eq!(list.subscribe(&who, "t").by, DecidedBy::NoRule);
}

#[test]
fn rules_that_fit_nothing_and_too_many_are_refused() {
    let with = |key: &str| list(&HOUSE.replace("name = \"secret\"", key));
    assert_eq!(with("users = []").unwrap_err(), AccessListError::Empty { rule: 1, key: "users" });
    assert_eq!(with("groups = []").unwrap_err(), AccessListError::Empty { rule: 1, key: "groups" });
    let one: File = toml::from_str(HOUSE).unwrap();
    let many = vec![one.rules[0].clone(); AccessList::MAX_RULES + 1];
    let error = AccessList::new(many, Groups::new()).unwrap_err();
    assert!(error.to_string().contains("1025 rules; at most 1024"), "{error}");
}
