//! The merged set against its filters one by one.

use longwave_model::{ConversationId, UserId};
use proptest::prelude::*;

use super::*;
use crate::filter::parse_filter;

fn bob() -> UserId {
    UserId::parse("bob").unwrap()
}

fn set(filters: &[(&str, u8)]) -> FilterSet {
    let parsed: Vec<_> =
        filters.iter().map(|(filter, qos)| (parse_filter(filter, &bob(), false).unwrap(), *qos)).collect();
    FilterSet::new(parsed.iter().map(|(filter, qos)| (filter, *qos)))
}

fn conversation(level: &str) -> ConversationId {
    ConversationId::resolve(level, &bob()).unwrap()
}

#[test]
fn each_entry_goes_out_in_one_encoding() {
    let one = set(&[("u/bob/c/+/json", 1), ("u/bob/c/@alice/raw", 1), ("u/bob/c/team/msg", 0)]);
    assert_eq!(one.encoding_for(&conversation("@alice")), Some((Encoding::Json, 1)));
    assert_eq!(one.encoding_for(&conversation("team")), Some((Encoding::Msg, 0)));
    assert_eq!(one.encoding_for(&conversation("other")), Some((Encoding::Json, 1)));
    assert_eq!(set(&[("u/bob/c/team/raw", 1)]).encoding_for(&conversation("other")), None);
}

#[test]
fn overlapping_filters_give_the_highest_qos() {
    let both = set(&[("u/bob/c/+/json", 0), ("u/bob/c/team/+", 1)]);
    assert_eq!(both.encoding_for(&conversation("team")), Some((Encoding::Msg, 1)));
    assert_eq!(both.encoding_for(&conversation("@alice")), Some((Encoding::Json, 0)));
    let twice = set(&[("u/bob/c/team/json", 1), ("u/bob/c/+/json", 0)]);
    assert_eq!(twice.encoding_for(&conversation("team")), Some((Encoding::Json, 1)));
}

#[test]
fn presence_is_wanted_by_name_or_of_all() {
    let alice = UserId::parse("alice").unwrap();
    let named = set(&[("u/bob/presence/alice", 0), ("u/bob/c/+/json", 1)]);
    assert!(named.any_presence() && named.wants_presence(&alice) && !named.wants_presence(&bob()));
    assert_eq!(named.named_presence().collect::<Vec<_>>(), [&alice]);
    let all = set(&[("u/bob/#", 1)]);
    assert!(all.every_presence() && all.wants_presence(&bob()) && all.every_conversation());
    assert!(!set(&[("u/bob/c/+/json", 1)]).any_presence());
}

#[test]
fn responses_need_a_filter_too() {
    let set = set(&[("u/bob/rpc/json", 1)]);
    assert_eq!((set.rpc(Encoding::Json), set.rpc(Encoding::Msg)), (Some(1), None));
    assert!(!set.is_empty() && FilterSet::default().is_empty());
    assert_eq!(set.encoding_for(&conversation("team")), None);
}

#[test]
fn the_usual_session_needs_no_heap() {
    assert_eq!(size_of::<FilterSet>(), 24);
    assert!(set(&[("u/bob/c/+/json", 1)]).single.is_empty());
}

proptest! {
    #[test]
    fn the_set_says_what_its_filters_say(picked in prop::collection::vec((0..9usize, 0..2u8), 0..6)) {
        let all = ["u/bob/#", "u/bob/c/+/json", "u/bob/c/+/raw", "u/bob/c/team/+", "u/bob/c/@alice/raw", "u/bob/+/+/msg",
            "u/bob/presence/+", "u/bob/presence/alice", "u/bob/rpc/json"];
        let filters: Vec<_> = picked.into_iter().map(|(index, qos)| (all[index], qos)).collect();
        let merged = set(&filters);
        let parsed: Vec<_> = filters.iter().map(|(filter, qos)| (parse_filter(filter, &bob(), false).unwrap(), *qos)).collect();
        for level in ["team", "@alice", "other"] {
            let id = conversation(level);
            let by_encoding = |encoding| parsed.iter()
                .filter(|(filter, _)| filter.matches_conversation(&id).contains(encoding)).map(|(_, qos)| *qos).max();
            let expected = Encoding::ALL.into_iter().find_map(|encoding| Some((encoding, by_encoding(encoding)?)));
            prop_assert_eq!(merged.encoding_for(&id), expected);
        }
        for name in ["alice", "carol"] {
            let user = UserId::parse(name).unwrap();
            let expected = parsed.iter().any(|(filter, _)| filter.presence().is_some_and(|which| which.includes(&user)));
            prop_assert_eq!(merged.wants_presence(&user), expected);
        }
    }
}
