//! Deliveries to the device.

use bytes::Bytes;
use longwave_port::{Delivery, Ticket};

use super::super::Event;
use super::harness::{Client, TOPIC, closing, connect, delivery, opened, puback, redelivery};
use crate::codec::packet::{Ack, Connect, Packet, Version};
use crate::limits::Limits;

fn with_window(window: u16) -> Client {
    let connect = Connect { receive_maximum: Some(window), ..connect(Version::V5) };
    Client::live_with(connect, opened(), Limits::default())
}

#[test]
fn the_window_is_the_smaller_of_both_sides() {
    assert_eq!(with_window(5).session.room(), 5);
    assert_eq!(with_window(u16::MAX).session.room(), 100);
    assert_eq!(Client::live(Version::V311).session.room(), 100);
}

#[test]
fn packet_ids_are_taken_in_turn_and_freed_by_puback() {
    let mut client = with_window(2);
    assert_eq!(client.event(delivery(Some(10), TOPIC)), [format!("deliver {TOPIC} 1")]);
    assert_eq!(client.event(delivery(Some(11), TOPIC)), [format!("deliver {TOPIC} 2")]);
    assert_eq!(client.session.room(), 0);
    assert_eq!(client.event(delivery(None, TOPIC)), [format!("deliver {TOPIC}")], "QoS 0 needs no room");
    assert_eq!(client.packet(puback(2)), ["acked 11"]);
    assert_eq!(client.session.room(), 1);
    assert!(client.packet(puback(2)).is_empty(), "an unknown packet id is ignored");
    assert_eq!(client.event(delivery(Some(12), TOPIC)), [format!("deliver {TOPIC} 3")]);
    assert_eq!(client.lose().in_flight, [(1, Ticket(10)), (3, Ticket(12))]);
}

#[test]
fn packet_ids_go_round_and_skip_what_is_in_flight() {
    let mut client = with_window(2);
    client.event(delivery(Some(0), TOPIC));
    for ticket in 1..=65_600 {
        let sent = client.event(delivery(Some(ticket), TOPIC));
        let id: u16 = sent[0].rsplit(' ').next().unwrap().parse().unwrap();
        assert!(id > 1, "1 is in flight");
        client.packet(puback(id));
    }
}

#[test]
fn a_redelivery_keeps_its_packet_id() {
    let mut client = with_window(10);
    assert_eq!(client.event(redelivery(1, 2)), [format!("deliver {TOPIC} 2 dup")]);
    assert_eq!(client.event(delivery(Some(2), TOPIC)), [format!("deliver {TOPIC} 1")]);
    assert_eq!(client.event(delivery(Some(3), TOPIC)), [format!("deliver {TOPIC} 3")], "2 is taken");
    assert_eq!(client.event(redelivery(4, 3)), [format!("deliver {TOPIC} 4")], "3 means something else by now");
}

#[test]
fn a_negative_puback_counts_like_any_other() {
    let mut client = with_window(10);
    client.event(delivery(Some(10), TOPIC));
    let refusing = Packet::PubAck(Ack { packet_id: 1, reason: 0x99, ..Ack::default() });
    assert_eq!(client.packet(refusing), ["acked 10"]);
}

#[test]
fn what_is_too_large_for_the_client_counts_as_acknowledged() {
    let small = Connect { maximum_packet_size: Some(64), ..connect(Version::V5) };
    let mut client = Client::live_with(small, opened(), Limits::default());
    let large = |ticket| {
        Event::Deliver(Delivery {
            topic: TOPIC.into(),
            payload: Bytes::from(vec![b'x'; 64]),
            ticket,
            ..Delivery::default()
        })
    };
    assert_eq!(client.event(large(Some(Ticket(1)))), ["acked 1"]);
    assert!(client.event(large(None)).is_empty());
    assert_eq!(client.session.room(), 100);
    // 2 of header, 2 + 19 of topic, 2 of packet id, 1 of properties.
    let fitting = Delivery { payload: Bytes::from(vec![b'x'; 64 - 26]), ..taken(large(Some(Ticket(2)))) };
    assert_eq!(client.event(Event::Deliver(fitting.clone())), [format!("deliver {TOPIC} 2")]);
    let over = Delivery { payload: Bytes::from(vec![b'x'; 64 - 25]), ..fitting };
    assert_eq!(client.event(Event::Deliver(over)), ["acked 2"], "one byte more");
}

fn taken(event: Event) -> Delivery {
    match event {
        Event::Deliver(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

#[test]
fn aliases_are_used_as_far_as_the_client_offers_them() {
    assert_eq!(Client::live(Version::V5).event(delivery(None, "a/b")), ["deliver a/b"]);
    let two = Connect { topic_alias_maximum: 2, ..connect(Version::V5) };
    let mut client = Client::live_with(two, opened(), Limits::default());
    for (topic, expected) in [
        ("a", "deliver a alias=1"),
        ("a", "deliver a alias=1 alone"),
        ("b", "deliver b alias=2"),
        ("a", "deliver a alias=1 alone"),
        ("c", "deliver c alias=2"),
        ("a", "deliver a alias=1 alone"),
        ("b", "deliver b alias=2"),
        ("a", "deliver a alias=1 alone"),
    ] {
        assert_eq!(client.event(delivery(None, topic)), [expected]);
    }
}

#[test]
fn an_alias_that_did_not_go_out_is_not_used() {
    let small = Connect { topic_alias_maximum: 1, maximum_packet_size: Some(40), ..connect(Version::V5) };
    let mut client = Client::live_with(small, opened(), Limits { topic_aliases_in: 0, ..Limits::default() });
    let large = Delivery { payload: Bytes::from(vec![0; 40]), ..taken(delivery(None, "a/b")) };
    assert!(client.event(Event::Deliver(large)).is_empty());
    assert_eq!(client.event(delivery(None, "a/b")), ["deliver a/b alias=1"]);
    assert_eq!(client.event(delivery(None, "a/b")), ["deliver a/b alias=1 alone"]);
}

#[test]
fn more_than_the_window_ends_the_connection_instead_of_breaking_the_promise() {
    let mut client = with_window(1);
    client.event(delivery(Some(1), TOPIC));
    let effects = client.raw(delivery(Some(2), TOPIC));
    assert_eq!(closing(effects).in_flight, [(1, Ticket(1))]);
}

#[test]
fn nothing_is_delivered_before_connack() {
    let mut client = Client::new(Limits::default());
    assert!(client.event(delivery(None, TOPIC)).is_empty());
    assert!(client.event(delivery(Some(1), TOPIC)).is_empty());
}
