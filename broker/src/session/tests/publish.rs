//! Publishes from the device: order of acknowledgements, receipts, notices, windows, aliases.

use longwave_model::ErrorCode;
use longwave_port::{Answer, Notice};

use super::super::Event;
use super::harness::{
    Client, TOPIC, connect, notice, opened, plain_publish, publish, refused, repeated, stored, subscribe,
};
use crate::codec::packet::{Connect, Packet, Publish, PublishProperties, Qos, Version};
use crate::limits::Limits;
use crate::session::Effect;

#[test]
fn a_receipt_says_seq_and_ts_on_5_0() {
    let mut client = Client::live(Version::V5);
    assert_eq!(client.publish(Qos::AtLeastOnce, 7), [format!("publish #0 {TOPIC} qos1 7")]);
    assert_eq!(client.answer(0, stored(1)), ["puback 7 00 seq=1 ts=1001"]);
    assert_eq!(client.publish(Qos::ExactlyOnce, 8), [format!("publish #1 {TOPIC} qos2 8 use=0")]);
    assert_eq!(client.answer(1, stored(2)), ["pubrec 8 00 seq=2 ts=1002"]);
}

#[test]
fn a_receipt_is_an_event_where_the_puback_cannot_carry_it() {
    for connect in [
        connect(Version::V311),
        Connect { request_problem_information: false, ..connect(Version::V5) },
        Connect { maximum_packet_size: Some(60), ..connect(Version::V5) },
    ] {
        let mut client = Client::live_with(connect, opened(), Limits::default());
        assert_eq!(client.publish(Qos::AtLeastOnce, 7), [format!("publish #0 {TOPIC} qos1 7 notice")]);
        let with_notice = |seq| match stored(seq) {
            Answer::Stored { seq, ts, .. } => Answer::Stored { seq, ts, notice: Some(notice()) },
            other => other,
        };
        assert_eq!(client.answer(0, with_notice(1)), ["puback 7 00"], "nobody is subscribed");
        client.subscribe(None, &["u/alice/c/+/json"]);
        client.publish(Qos::AtLeastOnce, 7);
        assert_eq!(client.answer(1, with_notice(2)), [format!("deliver {TOPIC}").as_str(), "puback 7 00"]);
    }
}

#[test]
fn acknowledgements_keep_the_order_of_publishes() {
    let mut client = Client::live(Version::V5);
    for id in [5, 3, 9] {
        client.publish(Qos::AtLeastOnce, id);
    }
    client.publish(Qos::ExactlyOnce, 4);
    assert!(client.answer(3, stored(4)).is_empty());
    assert!(client.answer(1, stored(2)).is_empty());
    assert_eq!(client.answer(0, stored(1)), ["puback 5 00 seq=1 ts=1001", "puback 3 00 seq=2 ts=1002"]);
    assert!(client.answer(1, stored(2)).is_empty(), "an answer counts once");
    assert_eq!(client.answer(2, stored(3)), ["puback 9 00 seq=3 ts=1003", "pubrec 4 00 seq=4 ts=1004"]);
    assert!(client.answer(77, stored(3)).is_empty(), "nobody asked");
}

#[test]
fn qos_0_waits_for_nothing_and_is_acknowledged_by_nothing() {
    let mut client = Client::live(Version::V5);
    client.subscribe(None, &["u/alice/#"]);
    client.publish(Qos::AtLeastOnce, 1);
    assert_eq!(client.publish(Qos::AtMostOnce, 0), [format!("publish #1 {TOPIC} qos0 notice")]);
    let effects = client.answer(1, refused(ErrorCode::NotAMember, Some(notice())));
    assert_eq!(effects, [format!("deliver {TOPIC}")]);
    assert_eq!(client.answer(0, stored(1)), ["puback 1 00 seq=1 ts=1001"]);
    client.publish(Qos::AtMostOnce, 0);
    assert!(client.answer(2, refused(ErrorCode::NotAMember, None)).is_empty());
    client.publish(Qos::AtMostOnce, 0);
    assert!(client.answer(3, Answer::Unknown).is_empty(), "it may be lost");
}

#[test]
fn nobody_waits_for_qos_0() {
    let mut client = Client::live(Version::V5);
    client.publish(Qos::AtMostOnce, 0);
    client.publish(Qos::AtLeastOnce, 1);
    client.publish(Qos::AtMostOnce, 0);
    client.publish(Qos::AtLeastOnce, 2);
    assert!(client.answer(3, stored(2)).is_empty());
    assert_eq!(client.answer(1, stored(1)), ["puback 1 00 seq=1 ts=1001", "puback 2 00 seq=2 ts=1002"]);
    assert!(client.answer(1, stored(9)).is_empty(), "an answer counts once");
    assert_eq!(client.publish(Qos::AtLeastOnce, 1), [format!("publish #4 {TOPIC} qos1 1")], "the packet id is free");
    client.wait(10_000);
    assert_eq!(client.tick(), ["disconnect 83 why error=1009", "close"]);
    let mut client = Client::live(Version::V5);
    client.publish(Qos::AtMostOnce, 0);
    client.wait(10_000);
    assert!(client.tick().is_empty(), "it may be lost");
    assert!(client.answer(0, stored(1)).is_empty());
}

#[test]
fn an_answer_that_nobody_knows_ends_the_connection() {
    let mut client = Client::live(Version::V5);
    client.publish(Qos::AtLeastOnce, 1);
    client.publish(Qos::AtLeastOnce, 2);
    assert_eq!(client.answer(1, Answer::Unknown), ["disconnect 83 why error=1009", "close"]);
    assert!(client.answer(0, stored(1)).is_empty(), "nothing comes after the end");
    let mut client = Client::live(Version::V311);
    client.publish(Qos::AtLeastOnce, 1);
    assert_eq!(client.answer(0, Answer::Unknown), ["close"]);
}

#[test]
fn a_response_goes_to_who_subscribed_to_it() {
    let done = |notice: Option<Notice>| Answer::Done { notice, renewed_until: None };
    let mut client = Client::live(Version::V5);
    client.publish(Qos::AtLeastOnce, 1);
    assert_eq!(client.answer(0, done(Some(notice()))), ["puback 1 10"]);
    client.publish(Qos::AtLeastOnce, 1);
    assert_eq!(client.answer(1, done(None)), ["puback 1 00"]);
    client.subscribe(Some(9), &["u/alice/#"]);
    client.publish(Qos::ExactlyOnce, 1);
    assert_eq!(client.answer(2, done(Some(notice()))), [format!("deliver {TOPIC} ids=[9]").as_str(), "pubrec 1 00"]);
}

#[test]
fn a_response_carries_its_correlation_data() {
    let mut client = Client::live(Version::V5);
    client.subscribe(None, &["u/alice/#"]);
    client.publish(Qos::AtLeastOnce, 1);
    let notice = Notice { correlation_data: Some(bytes::Bytes::from_static(b"7")), ..notice() };
    let answer = Answer::Done { notice: Some(notice), renewed_until: None };
    match &client.raw(Event::Answered { ticket: 0, answer })[..] {
        [Effect::Deliver(outgoing), Effect::Send(Packet::PubAck(_))] => {
            let properties = outgoing.properties.as_ref().unwrap();
            assert_eq!(properties.correlation_data.as_deref(), Some(&b"7"[..]));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_than_receive_maximum_ends_a_5_0_connection() {
    let limits = Limits { receive_maximum: 2, ..Limits::default() };
    let mut client = Client::live_with(connect(Version::V5), opened(), limits);
    client.publish(Qos::AtLeastOnce, 1);
    client.publish(Qos::ExactlyOnce, 2);
    client.publish(Qos::AtMostOnce, 0);
    assert!(client.session.reads());
    assert_eq!(client.publish(Qos::AtLeastOnce, 3), ["disconnect 93 why error=1104", "close"]);
}

#[test]
fn an_open_qos_2_publish_counts_until_its_pubcomp() {
    let limits = Limits { receive_maximum: 1, ..Limits::default() };
    let mut client = Client::live_with(connect(Version::V5), opened(), limits);
    client.publish(Qos::ExactlyOnce, 1);
    client.answer(0, stored(1));
    client.packet(super::harness::pubrel(1));
    client.event(Event::Released { packet_id: 1, result: Ok(()) });
    assert_eq!(client.publish(Qos::AtLeastOnce, 2), [format!("publish #1 {TOPIC} qos1 2")]);
    let mut client =
        Client::live_with(connect(Version::V5), opened(), Limits { receive_maximum: 1, ..Limits::default() });
    client.publish(Qos::ExactlyOnce, 1);
    client.answer(0, stored(1));
    assert_eq!(client.publish(Qos::AtLeastOnce, 2), ["disconnect 93 why error=1104", "close"]);
}

#[test]
fn a_3_1_1_client_is_not_read_while_too_much_is_unanswered() {
    let limits = Limits { receive_maximum: 2, ..Limits::default() };
    let mut client = Client::live_with(connect(Version::V311), opened(), limits);
    client.publish(Qos::AtLeastOnce, 1);
    assert!(client.session.reads());
    client.publish(Qos::AtLeastOnce, 2);
    assert!(!client.session.reads());
    client.answer(0, stored(1));
    assert!(client.session.reads());
}

#[test]
fn a_packet_id_in_use_is_joined_by_its_repetition_and_refused_otherwise() {
    for version in [Version::V311, Version::V5] {
        let mut client = Client::live(version);
        client.publish(Qos::AtLeastOnce, 7);
        assert!(client.packet(repeated(Qos::AtLeastOnce, 7)).is_empty());
        assert_eq!(client.answer(0, stored(1)).len(), 1, "one PUBACK for both");
        client.publish(Qos::AtLeastOnce, 7);
        assert_eq!(client.publish(Qos::AtLeastOnce, 7).last().unwrap(), "close");
        let mut client = Client::live(version);
        client.publish(Qos::AtLeastOnce, 7);
        assert_eq!(client.packet(repeated(Qos::ExactlyOnce, 7)).last().unwrap(), "close");
    }
}

#[test]
fn aliases_stand_for_topics() {
    let aliased = |alias, topic: &str| {
        Packet::Publish(Box::new(Publish {
            topic: topic.into(),
            properties: PublishProperties { topic_alias: Some(alias), ..PublishProperties::default() },
            ..plain_publish(Qos::AtMostOnce, 0)
        }))
    };
    let mut client = Client::live(Version::V5);
    assert_eq!(client.packet(aliased(16, "a/b")), ["publish #0 a/b qos0 notice"]);
    assert_eq!(client.packet(aliased(16, "")), ["publish #1 a/b qos0 notice"]);
    assert_eq!(client.packet(aliased(16, "c")), ["publish #2 c qos0 notice"]);
    assert_eq!(client.packet(aliased(16, "")), ["publish #3 c qos0 notice"]);
    assert_eq!(client.packet(aliased(1, "")), ["disconnect 82 why error=1105", "close"]);
    let mut client = Client::live(Version::V5);
    assert_eq!(client.packet(aliased(17, "a/b")), ["disconnect 94 why error=1105", "close"]);
}

#[test]
fn properties_go_along() {
    let mut client = Client::live(Version::V5);
    let properties = PublishProperties {
        message_expiry: Some(60),
        content_type: Some("text".into()),
        response_topic: Some("r".into()),
        ..PublishProperties::default()
    };
    let packet = Packet::Publish(Box::new(Publish { properties, ..plain_publish(Qos::AtLeastOnce, 1) }));
    match &client.raw(Event::Packet(packet))[..] {
        [Effect::Publish { publish, .. }] => {
            let properties = publish.properties.as_ref().unwrap();
            assert_eq!(properties.expiry_seconds, Some(60));
            assert_eq!(properties.content_type.as_deref(), Some("text"));
            assert_eq!(properties.response_topic.as_deref(), Some("r"));
        }
        other => panic!("{other:?}"),
    }
    match &client.raw(Event::Packet(publish(Qos::AtMostOnce, 0)))[..] {
        [Effect::Publish { publish, .. }] => assert!(publish.properties.is_none()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_available_ends_the_connection() {
    let retained = || Packet::Publish(Box::new(Publish { retain: true, ..plain_publish(Qos::AtMostOnce, 0) }));
    assert_eq!(Client::live(Version::V5).packet(retained()), ["disconnect 9a why error=1106", "close"]);
    assert_eq!(Client::live(Version::V311).packet(retained()), ["close"]);
    let properties = PublishProperties { subscription_ids: vec![1], ..PublishProperties::default() };
    let packet = Packet::Publish(Box::new(Publish { properties, ..plain_publish(Qos::AtMostOnce, 0) }));
    assert_eq!(Client::live(Version::V5).packet(packet), ["disconnect 82 why error=1101", "close"]);
}

#[test]
fn answers_may_come_while_a_subscription_is_asked_for() {
    let mut client = Client::live(Version::V5);
    client.publish(Qos::AtLeastOnce, 1);
    client.packet(subscribe(2, None, &["a"]));
    assert_eq!(client.answer(0, stored(1)), ["puback 1 00 seq=1 ts=1001"]);
}
