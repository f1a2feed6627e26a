//! What must hold for any rules, any filter and any client id, against a second, naive reading of the MQTT matching rules.
#![allow(clippy::unwrap_used)]

use longwave_access::{AccessList, Action, Effect, Groups, Rule, TopicPattern, Who};
use longwave_model::{DeviceId, UserId};
use proptest::prelude::*;

/// Whether an MQTT filter matches a topic name, level by level.
fn matches(filter: &[&str], topic: &[&str]) -> bool {
    match (filter.split_first(), topic.split_first()) {
        (Some((&"#", _)), _) | (None, None) => true,
        (Some((level, filter)), Some((name, topic))) => (*level == "+" || level == name) && matches(filter, topic),
        _ => false,
    }
}

fn is_matched(filter: &str, topic: &str) -> bool {
    matches(&filter.split('/').collect::<Vec<_>>(), &topic.split('/').collect::<Vec<_>>())
}

/// All topics of up to four levels of these names.
fn universe() -> Vec<String> {
    let names = ["a", "b", "", "bob"];
    let mut all: Vec<String> = Vec::new();
    let mut last = vec![None::<String>];
    for _ in 0..4 {
        last = last
            .iter()
            .flat_map(|head| {
                names.map(|name| Some(head.as_ref().map_or(name.to_owned(), |head| format!("{head}/{name}"))))
            })
            .collect();
        all.extend(last.iter().flatten().filter(|topic| !topic.is_empty()).cloned());
    }
    all
}

fn filter_of(levels: &'static [&'static str]) -> impl Strategy<Value = String> {
    let level = prop::sample::select(levels);
    (prop::collection::vec(level, 1..4), any::<bool>(), any::<bool>()).prop_filter_map(
        "empty",
        |(levels, open, only)| {
            let mut text = levels.join("/");
            if open {
                text = if only { "#".to_owned() } else { text + "/#" };
            }
            (!text.is_empty()).then_some(text)
        },
    )
}

fn rule() -> impl Strategy<Value = Rule> {
    let topics = prop::collection::vec(filter_of(&["a", "b", "", "+", "%u", "%c"]), 1..3);
    let client_ids = prop::option::of(Just(vec!["a".to_owned()]));
    (any::<bool>(), topics, client_ids).prop_map(|(allow, topics, client_ids)| Rule {
        name: None,
        effect: if allow { Effect::Allow } else { Effect::Deny },
        actions: vec![Action::Subscribe, Action::Publish],
        users: None,
        groups: None,
        client_ids,
        topics: topics.iter().map(|topic| TopicPattern::parse(topic).unwrap()).collect(),
    })
}

fn client_id() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "+", "#", "a/b", "%u", "a/#", "z"]).prop_map(str::to_owned)
}

/// A rule's pattern with its values put in, as the naive reading has it. `None` when a value is no level.
fn put_in(pattern: &str, client_id: &str) -> Option<String> {
    if pattern.contains("%c") && client_id.contains(['/', '+', '#']) {
        return None;
    }
    // Level by level, so that nothing put in is looked at again.
    let put = |level: &str| match level {
        "%u" => "bob".to_owned(),
        "%c" => client_id.to_owned(),
        other => other.to_owned(),
    };
    Some(pattern.split('/').map(put).collect::<Vec<_>>().join("/"))
}

/// The decision about one topic by the first rule that matches it.
fn naive(rules: &[Rule], client_id: &str, topic: &str) -> bool {
    let fits = |rule: &&Rule| {
        rule.client_ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == client_id))
            && rule
                .topics
                .iter()
                .any(|pattern| put_in(pattern.as_str(), client_id).is_some_and(|filter| is_matched(&filter, topic)))
    };
    rules.iter().find(fits).is_some_and(|rule| rule.effect == Effect::Allow)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn topics_are_decided_by_the_first_rule_that_matches(rules in prop::collection::vec(rule(), 0..5), client_id in client_id()) {
        let (user, device) = (UserId::parse("bob").unwrap(), DeviceId::parse(&client_id).unwrap());
        let who = Who { user: &user, client_id: &device, groups: &[] };
        let list = AccessList::new(rules.clone(), Groups::new()).unwrap();
        for topic in universe() {
            let expected = naive(&rules, &client_id, &topic);
            prop_assert_eq!(list.publish(&who, &topic, false).is_allowed(), expected, "publish {}", topic);
            prop_assert_eq!(list.subscribe(&who, &topic).is_allowed(), expected, "subscribe {}", topic);
        }
    }

    #[test]
    fn a_granted_filter_matches_nothing_that_is_denied(
        rules in prop::collection::vec(rule(), 0..5),
        filter in filter_of(&["a", "b", "", "+", "bob"]),
        client_id in client_id(),
    ) {
        let (user, device) = (UserId::parse("bob").unwrap(), DeviceId::parse(&client_id).unwrap());
        let who = Who { user: &user, client_id: &device, groups: &[] };
        let list = AccessList::new(rules.clone(), Groups::new()).unwrap();
        if list.subscribe(&who, &filter).is_allowed() {
            for topic in universe().iter().filter(|topic| is_matched(&filter, topic)) {
                prop_assert!(naive(&rules, &client_id, topic), "{} lets {} through", filter, topic);
            }
        }
    }

    #[test]
    fn one_allowing_rule_grants_every_filter_that_it_covers_as_written(
        pattern in filter_of(&["a", "b", "", "+"]),
        names in prop::collection::vec(prop::sample::select(&["a", "b", "", "+"][..]), 4),
    ) {
        let rule = Rule {
            name: None, effect: Effect::Allow, actions: vec![Action::Subscribe], users: None, groups: None, client_ids: None,
            topics: vec![TopicPattern::parse(&pattern).unwrap()],
        };
        let list = AccessList::new(vec![rule], Groups::new()).unwrap();
        let (user, device) = (UserId::parse("bob").unwrap(), DeviceId::parse("phone").unwrap());
        let who = Who { user: &user, client_id: &device, groups: &[] };
        prop_assert!(list.subscribe(&who, &pattern).is_allowed());
        // The same with its wildcards narrowed.
        let narrowed: Vec<_> = pattern.split('/').zip(&names).map(|(level, name)| match level {
            "+" | "#" => *name,
            other => other,
        }).collect();
        let narrowed = narrowed.join("/");
        if !narrowed.is_empty() {
            prop_assert!(list.subscribe(&who, &narrowed).is_allowed(), "{}", narrowed);
        }
    }
}
