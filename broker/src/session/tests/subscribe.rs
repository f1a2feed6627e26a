//! SUBSCRIBE and UNSUBSCRIBE.

use longwave_model::{ErrorCode, Refusal};

use super::super::Event;
use super::harness::{Client, connect, delivery, opened, subscribe, unsubscribe};
use crate::codec::packet::{Connect, Version};
use crate::limits::Limits;

fn no(code: ErrorCode) -> Refusal {
    Refusal::new(code, "no")
}

#[test]
fn each_filter_gets_its_own_answer() {
    let mut client = Client::live(Version::V5);
    assert_eq!(client.packet(subscribe(7, None, &["a", "$share/g/b", "c", "d"])), ["subscribe a c d"]);
    assert!(!client.session.reads());
    let answers = vec![Ok(1), Err(no(ErrorCode::NotYourTopic)), Ok(0)];
    assert_eq!(client.event(Event::Subscribed(Ok(answers))), ["suback 7 [01, 9e, 87, 00] why error=1107"]);
    assert!(client.session.reads());
    assert!(client.session.is_subscribed("a") && client.session.is_subscribed("d"));
    assert!(!client.session.is_subscribed("b") && !client.session.is_subscribed("c"));
}

#[test]
fn what_is_refused_here_asks_nobody() {
    let mut client = Client::live(Version::V311);
    assert_eq!(client.packet(subscribe(7, None, &["$share/g/b"])), ["suback 7 [9e] why error=1107"]);
    assert!(client.session.reads());
}

#[test]
fn subscriptions_have_a_limit_that_repetitions_do_not_count_towards() {
    let limits = Limits { subscriptions: 2, ..Limits::default() };
    let mut client = Client::live_with(connect(Version::V5), opened(), limits);
    client.subscribe(None, &["a"]);
    assert_eq!(client.packet(subscribe(7, None, &["a", "b", "b", "c"])), ["subscribe a b b"]);
    let granted = vec![Ok(1), Ok(1), Ok(1)];
    assert_eq!(client.event(Event::Subscribed(Ok(granted))), ["suback 7 [01, 01, 01, 97] why error=2013"]);
}

#[test]
fn a_failed_subscribe_adds_nothing() {
    let mut client = Client::live(Version::V5);
    client.packet(subscribe(7, None, &["a", "b"]));
    let effects = client.event(Event::Subscribed(Err(no(ErrorCode::StoreUnavailable))));
    assert_eq!(effects, ["suback 7 [83, 83] why error=4002"]);
    assert!(!client.session.is_subscribed("a"));
}

#[test]
fn explanations_are_left_out_where_not_wanted() {
    let quiet = Connect { request_problem_information: false, ..connect(Version::V5) };
    let mut client = Client::live_with(quiet, opened(), Limits::default());
    assert_eq!(client.packet(subscribe(7, None, &["$share/g/b"])), ["suback 7 [9e]"]);
}

#[test]
fn unsubscribe_says_what_existed() {
    let mut client = Client::live(Version::V5);
    client.subscribe(None, &["a", "b"]);
    assert_eq!(client.packet(unsubscribe(8, &["a", "x"])), ["unsubscribe a x"]);
    assert!(!client.session.reads());
    assert_eq!(client.event(Event::Unsubscribed(Ok(vec![true, false]))), ["unsuback 8 [00, 11]"]);
    assert!(!client.session.is_subscribed("a") && client.session.is_subscribed("b"));
    client.packet(unsubscribe(8, &["b"]));
    let effects = client.event(Event::Unsubscribed(Err(no(ErrorCode::StoreUnavailable))));
    assert_eq!(effects, ["disconnect 89 why error=4002", "close"]);
}

#[test]
fn identifiers_of_all_matching_subscriptions_go_along() {
    let mut client = Client::live(Version::V5);
    client.subscribe(Some(1), &["a/+"]);
    client.subscribe(Some(2), &["a/#"]);
    client.subscribe(None, &["u/alice/#"]);
    client.subscribe(Some(3), &["b"]);
    assert_eq!(client.event(delivery(None, "a/b")), ["deliver a/b ids=[1, 2]"]);
    client.subscribe(Some(9), &["a/+"]);
    assert_eq!(client.event(delivery(None, "a/b")), ["deliver a/b ids=[9, 2]"]);
    client.subscribe(None, &["a/+"]);
    assert_eq!(client.event(delivery(None, "a/b")), ["deliver a/b ids=[2]"]);
}

#[test]
fn stray_answers_change_nothing() {
    let mut client = Client::live(Version::V5);
    assert!(client.event(Event::Subscribed(Ok(vec![Ok(1)]))).is_empty());
    assert!(client.event(Event::Unsubscribed(Ok(vec![true]))).is_empty());
    client.packet(subscribe(7, None, &["a"]));
    assert!(client.event(Event::Unsubscribed(Ok(vec![true]))).is_empty());
    assert_eq!(client.event(Event::Subscribed(Ok(vec![Ok(1)]))), ["suback 7 [01]"]);
}
