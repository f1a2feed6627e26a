//! What a device hears of a refused publish.

use longwave_model::ErrorCode;

use super::harness::{Client, TOPIC, connect, notice, opened, refused};
use crate::codec::packet::{Connect, Qos, Version};
use crate::limits::Limits;

#[test]
fn reasons_of_5_0_say_what_kind_of_refusal_it_is() {
    for (code, reason) in [
        (ErrorCode::NotYourTopic, 0x87),
        (ErrorCode::NotAMember, 0x87),
        (ErrorCode::Blocked, 0x87),
        (ErrorCode::UnknownTopic, 0x90),
        (ErrorCode::UnknownPeer, 0x90),
        (ErrorCode::BadPayload, 0x99),
        (ErrorCode::BodyTooLarge, 0x99),
        (ErrorCode::RateLimited, 0x97),
        (ErrorCode::DiskFull, 0x97),
        (ErrorCode::StoreUnavailable, 0x83),
    ] {
        let mut client = Client::live(Version::V5);
        client.publish(Qos::AtLeastOnce, 7);
        let expected = format!("puback 7 {reason:02x} why error={}", code.number());
        assert_eq!(client.answer(0, refused(code, None)), [expected]);
    }
}

#[test]
fn every_reason_is_one_that_the_packet_may_have() {
    use crate::session::reason;
    const CONNACK: &[u8] = &[
        0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
        0x9c, 0x9d, 0x9f,
    ];
    const DISCONNECT: &[u8] = &[
        0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
        0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
    ];
    const PUBACK: &[u8] = &[0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    const SUBACK: &[u8] = &[0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2];
    for &code in ErrorCode::ALL {
        assert!(reason::of_connack(code).is_none_or(|reason| CONNACK.contains(&reason)), "{code}");
        assert!(DISCONNECT.contains(&reason::of_disconnect(code)), "{code}");
        assert!(PUBACK.contains(&reason::of_puback(code)), "{code}");
        assert!(SUBACK.contains(&reason::of_suback(code)), "{code}");
    }
}

#[test]
fn without_problem_information_the_reason_stands_alone_and_the_notice_tells_more() {
    let quiet = || Connect { request_problem_information: false, ..connect(Version::V5) };
    let mut client = Client::live_with(quiet(), opened(), Limits::default());
    client.publish(Qos::AtLeastOnce, 7);
    assert_eq!(client.answer(0, refused(ErrorCode::NotAMember, Some(notice()))), ["puback 7 87"]);
    client.subscribe(None, &["u/alice/#"]);
    client.publish(Qos::AtLeastOnce, 7);
    let effects = client.answer(1, refused(ErrorCode::NotAMember, Some(notice())));
    assert_eq!(effects, [format!("deliver {TOPIC}").as_str(), "puback 7 87"]);
}

#[test]
fn on_3_1_1_a_refusal_is_heard_or_there_is_no_puback() {
    let mut client = Client::live(Version::V311);
    client.subscribe(None, &["u/alice/c/+/json"]);
    client.publish(Qos::AtLeastOnce, 7);
    let effects = client.answer(0, refused(ErrorCode::NotAMember, Some(notice())));
    assert_eq!(effects, [format!("deliver {TOPIC}").as_str(), "puback 7 00"]);
    client.publish(Qos::AtLeastOnce, 8);
    assert_eq!(client.answer(1, refused(ErrorCode::NotAMember, None)), ["close"]);
    let mut client = Client::live(Version::V311);
    client.subscribe(None, &["u/alice/c/+/raw"]);
    client.publish(Qos::AtLeastOnce, 7);
    assert_eq!(client.answer(0, refused(ErrorCode::NotAMember, Some(notice()))), ["close"]);
}

#[test]
fn a_refusal_that_ends_the_connection_waits_for_its_turn() {
    let mut client = Client::live(Version::V311);
    client.publish(Qos::AtLeastOnce, 1);
    client.publish(Qos::AtLeastOnce, 2);
    client.publish(Qos::AtLeastOnce, 3);
    assert!(client.answer(1, refused(ErrorCode::NotAMember, None)).is_empty());
    assert!(client.answer(2, super::harness::stored(2)).is_empty());
    assert_eq!(
        client.answer(0, super::harness::stored(1)),
        ["puback 1 00", "close"],
        "nothing behind it is acknowledged"
    );
}

#[test]
fn explanations_of_a_refusal_are_left_out_when_they_do_not_fit() {
    for (maximum, expected) in [(64, "puback 7 87 why error=2004"), (24, "puback 7 87 error=2004"), (19, "puback 7 87")]
    {
        let small = Connect { maximum_packet_size: Some(maximum), ..connect(Version::V5) };
        let limits = Limits { topic_aliases_in: 0, ..Limits::default() };
        let mut client = Client::live_with(small, opened(), limits);
        client.publish(Qos::AtLeastOnce, 7);
        assert_eq!(client.answer(0, refused(ErrorCode::NotAMember, None)), [expected], "{maximum}");
    }
}
