//! Both tries against the plain comparison of one filter with one topic, over random sequences of changes.

use std::collections::{BTreeMap, BTreeSet};

use longwave_topic_index::{TopicIndex, TopicMap, matches};
use proptest::prelude::*;

fn level() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c", "", "$x", "long-level-name"])
}

fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..5)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("empty", |topic| !topic.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level().boxed(), 2 => Just("+").boxed()];
    (prop::collection::vec(level, 0..5), any::<bool>())
        .prop_map(|(mut levels, open)| {
            if open || levels.is_empty() {
                levels.push("#");
            }
            levels.join("/")
        })
        .prop_filter("empty", |filter| !filter.is_empty())
}

#[derive(Debug, Clone)]
enum Change {
    Insert(String, u8, u32),
    Remove(String, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (filter(), 0..24_u8, any::<u32>()).prop_map(|(filter, key, value)| Change::Insert(filter, key, value)),
        2 => (filter(), 0..24_u8).prop_map(|(filter, key)| Change::Remove(filter, key)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_index_finds_what_a_search_finds(
        changes in prop::collection::vec(change(), 0..120),
        topics in prop::collection::vec(topic(), 1..8),
    ) {
        let mut index = TopicIndex::default();
        let mut naive: BTreeMap<(String, u8), u32> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Insert(filter, key, value) => {
                    prop_assert_eq!(index.insert(&filter, key, value), naive.insert((filter, key), value));
                }
                Change::Remove(filter, key) => {
                    prop_assert_eq!(index.remove(&filter, key), naive.remove(&(filter, key)));
                }
            }
            prop_assert_eq!(index.len(), naive.len());
        }
        for topic in topics {
            let mut found = Vec::new();
            index.for_each_match(&topic, |key, value| found.push((*key, *value)));
            found.sort_unstable();
            let mut expected: Vec<_> = naive
                .iter()
                .filter(|((filter, _), _)| matches(filter, &topic))
                .map(|((_, key), value)| (*key, *value))
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected, "{}", topic);
        }
    }

    #[test]
    fn the_map_finds_what_a_search_finds(
        topics in prop::collection::vec((topic(), any::<bool>()), 0..80),
        filters in prop::collection::vec(filter(), 1..8),
    ) {
        let mut map = TopicMap::default();
        let mut naive = BTreeSet::new();
        for (topic, keep) in topics {
            if keep {
                prop_assert_eq!(map.insert(&topic, topic.clone()).is_none(), naive.insert(topic.clone()));
                prop_assert_eq!(map.get(&topic), Some(&topic));
            } else {
                prop_assert_eq!(map.remove(&topic).is_some(), naive.remove(&topic));
                prop_assert_eq!(map.get(&topic), None);
            }
            prop_assert_eq!(map.len(), naive.len());
        }
        for filter in filters {
            let mut found = BTreeSet::new();
            map.for_each_match(&filter, |topic| {
                assert!(found.insert(topic.clone()), "{topic} twice");
                true
            });
            let expected: BTreeSet<_> = naive.iter().filter(|topic| matches(&filter, topic)).cloned().collect();
            prop_assert_eq!(found, expected, "{}", filter);
        }
    }
}

#[test]
fn filters_match_as_the_specification_says() {
    for (filter, topic, expected) in [
        ("a/b", "a/b", true),
        ("a/b", "a/B", false),
        ("a/b", "a/b/", false),
        ("a/+", "a/", true),
        ("a/+", "a", false),
        ("+", "/a", false),
        ("/+", "/a", true),
        ("+/+", "/a", true),
        ("a/#", "a", true),
        ("a/#", "a/b/c", true),
        ("a/#", "ab", false),
        ("#", "a/b", true),
        ("#", "$SYS/a", false),
        ("+/a", "$SYS/a", false),
        ("$SYS/#", "$SYS/a", true),
        ("a/+/c", "a/b/c", true),
        ("a/+/c", "a/b/b/c", false),
    ] {
        assert_eq!(matches(filter, topic), expected, "{filter} on {topic}");
        let mut index = TopicIndex::default();
        index.insert(filter, 1_u8, ());
        let mut found = 0;
        index.for_each_match(topic, |_, ()| found += 1);
        assert_eq!(found == 1, expected, "{filter} on {topic}");
    }
}
