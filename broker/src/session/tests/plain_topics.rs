//! What only plain topics need: deliveries at QoS 2, the retain flag, wills, shared subscriptions.

use bytes::Bytes;
use longwave_port::{Delivery, Resend};

use super::super::{Effect, Event};
use super::harness::{Client, closing, connect, exactly_once, opened, plain_publish, plain_topics, puback, subscribe};
use crate::codec::packet::{Ack, Connect, Disconnect, Packet, Publish, PublishProperties, Qos, Version, Will};

fn live(version: Version) -> Client {
    Client::live_with(connect(version), opened(), plain_topics())
}

fn pubrec(packet_id: u16, reason: u8) -> Packet {
    Packet::PubRec(Ack { packet_id, reason, ..Ack::default() })
}

fn pubcomp(packet_id: u16) -> Packet {
    Packet::PubComp(Ack { packet_id, ..Ack::default() })
}

#[test]
fn a_delivery_at_qos_2_goes_its_whole_way() {
    for (version, ids) in [(Version::V311, ""), (Version::V5, " ids=[7]")] {
        let mut client = live(version);
        let room = client.session.room();
        assert_eq!(client.event(Event::Deliver(exactly_once(4))), [format!("deliver a/b 1 qos2{ids}")]);
        assert_eq!(client.session.room(), room - 1);
        assert_eq!(client.packet(pubrec(1, 0)), ["received 4", "pubrel 1 00"]);
        assert_eq!(client.packet(pubrec(1, 0)), ["pubrel 1 00"], "once more, for a client that repeats itself");
        assert_eq!(client.session.room(), room - 1, "the packet id is in use until PUBCOMP");
        assert_eq!(client.packet(pubcomp(1)), ["acked 4"]);
        assert_eq!(client.session.room(), room);
        assert!(client.packet(pubcomp(1)).is_empty());
    }
}

#[test]
fn a_pubrec_with_an_error_ends_it() {
    let mut client = live(Version::V5);
    client.event(Event::Deliver(exactly_once(4)));
    assert_eq!(client.packet(pubrec(1, 0x97)), ["acked 4"]);
    assert!(client.packet(pubrec(1, 0x92)).is_empty(), "nothing answers an error");
}

#[test]
fn acknowledgements_of_another_qos_or_out_of_turn_are_errors() {
    for wrong in [puback(1), pubcomp(1)] {
        let mut client = live(Version::V5);
        client.event(Event::Deliver(exactly_once(4)));
        assert_eq!(client.packet(wrong), ["disconnect 82 why error=1101", "close"]);
    }
}

#[test]
fn what_the_device_has_already_is_only_released_again() {
    let mut client = live(Version::V5);
    let again = Delivery { resend: Some(Resend(9)), released: true, ..exactly_once(4) };
    assert_eq!(client.event(Event::Deliver(again)), ["pubrel 9 00"]);
    let again = Delivery { resend: Some(Resend(8)), ..exactly_once(5) };
    assert_eq!(client.event(Event::Deliver(again)), ["deliver a/b 8 qos2 dup ids=[7]"]);
    assert_eq!(client.packet(pubcomp(9)), ["acked 4"]);
    // Its packet id stands for another delivery by now.
    let late = Delivery { resend: Some(Resend(8)), released: true, ..exactly_once(6) };
    assert_eq!(client.event(Event::Deliver(late)), ["acked 6"]);
}

#[test]
fn the_retain_flag_goes_through_both_ways() {
    let mut client = live(Version::V311);
    let retained = Publish { retain: true, topic: "a/b".into(), ..plain_publish(Qos::AtMostOnce, 0) };
    let effects = client.raw(Event::Packet(Packet::Publish(Box::new(retained))));
    assert!(matches!(&effects[..], [Effect::Publish { publish, .. }] if publish.retain));
    let delivery = Delivery { retain: true, ticket: None, exactly_once: false, ..exactly_once(0) };
    assert_eq!(client.event(Event::Deliver(delivery)), ["deliver a/b retain"]);
}

fn with_will(topic: &str) -> Connect {
    let will = Will {
        topic: topic.into(),
        payload: Bytes::from_static(b"lost"),
        qos: Qos::AtLeastOnce,
        retain: true,
        delay: 5,
        properties: PublishProperties { content_type: Some("text/plain".into()), ..PublishProperties::default() },
    };
    Connect { will: Some(will), ..connect(Version::V5) }
}

#[test]
fn a_will_goes_to_whoever_opens_the_session() {
    let mut client = Client::new(plain_topics());
    client.packet(Packet::Connect(Box::new(with_will("gone"))));
    let effects = client.raw(Event::Admitted(Ok(super::harness::identity())));
    let [Effect::Open { will: Some(will), .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((&*will.topic, &will.payload[..], will.qos, will.retain), ("gone", &b"lost"[..], 1, true));
    assert_eq!(will.delay_seconds, 5);
    assert_eq!(will.properties.as_ref().unwrap().content_type.as_deref(), Some("text/plain"));
    for topic in ["u/alice/c/@bob/json", "$SYS/x"] {
        let mut client = Client::new(plain_topics());
        assert_eq!(
            client.packet(Packet::Connect(Box::new(with_will(topic)))),
            ["connack 87 why error=1005", "close"],
            "{topic}"
        );
    }
}

#[test]
fn only_a_disconnect_with_reason_0_is_a_good_bye() {
    for (reason, good_bye) in [(0, true), (0x04, false), (0x80, false)] {
        let mut client = live(Version::V5);
        let disconnect = Packet::Disconnect(Box::new(Disconnect { reason, ..Disconnect::default() }));
        assert_eq!(closing(client.raw(Event::Packet(disconnect))).good_bye, good_bye, "{reason:02x}");
    }
    assert!(!live(Version::V311).lose().good_bye);
}

#[test]
fn shared_subscriptions_are_asked_for_and_take_no_no_local() {
    let mut client = live(Version::V5);
    assert_eq!(client.packet(subscribe(1, None, &["$share/g/a"])), ["subscribe $share/g/a"]);
    let mut client = live(Version::V5);
    let Packet::Subscribe(mut asked) = subscribe(1, None, &["$share/g/a"]) else { panic!("no SUBSCRIBE") };
    asked.filters[0].no_local = true;
    assert_eq!(client.packet(Packet::Subscribe(asked)), ["disconnect 82 why error=1101", "close"]);
}

#[test]
fn connack_says_what_is_there() {
    let mut client = Client::new(plain_topics());
    let connack = client.connack(connect(Version::V5), opened());
    assert_eq!((connack.retain_available, connack.shared_available, connack.maximum_qos), (None, None, None));
}

#[test]
fn a_filter_for_everything_gets_no_notices() {
    let mut client = live(Version::V5);
    client.subscribe(Some(3), &["#"]);
    assert!(!client.session.is_subscribed("u/alice/c/@bob/json"));
    assert!(client.session.is_subscribed("a/b"));
}
