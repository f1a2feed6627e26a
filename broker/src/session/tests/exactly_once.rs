//! QoS 2 from the device.

use longwave_model::{ErrorCode, Refusal};

use super::super::{Event, OpenedSession};
use super::harness::{Client, TOPIC, connect, notice, opened, publish, pubrel, refused, repeated, stored};
use crate::codec::packet::{Ack, Packet, Qos, Version};
use crate::limits::Limits;

fn done(packet_id: u16) -> Event {
    Event::Released { packet_id, result: Ok(()) }
}

fn resumed(uses: Vec<(u16, u32)>) -> Client {
    let opened = OpenedSession { session_present: true, qos2_uses: uses, ..opened() };
    Client::live_with(connect(Version::V5), opened, Limits::default())
}

#[test]
fn each_step_follows_the_one_before() {
    for version in [Version::V311, Version::V5] {
        let mut client = Client::live(version);
        for uses in 0..3 {
            assert!(client.packet(publish(Qos::ExactlyOnce, 7))[0].contains(&format!("qos2 7 use={uses}")));
            assert!(client.answer(uses, stored(uses + 1))[0].starts_with("pubrec 7 00"));
            assert_eq!(client.packet(pubrel(7)), [format!("released 7 uses={}", uses + 1)]);
            assert_eq!(client.event(done(7)), ["pubcomp 7 00"]);
        }
    }
}

#[test]
fn repetitions_publish_nothing() {
    let mut client = Client::live(Version::V5);
    client.publish(Qos::ExactlyOnce, 7);
    assert!(client.packet(repeated(Qos::ExactlyOnce, 7)).is_empty(), "its PUBREC will come");
    client.answer(0, stored(1));
    assert_eq!(client.packet(repeated(Qos::ExactlyOnce, 7)), ["pubrec 7 00"]);
    client.packet(pubrel(7));
    assert!(client.packet(pubrel(7)).is_empty(), "its PUBCOMP will come");
    assert_eq!(client.event(done(7)), ["pubcomp 7 00"]);
    assert!(client.event(done(7)).is_empty());
    assert_eq!(client.packet(pubrel(7)), ["pubcomp 7 92 why"]);
}

#[test]
fn after_a_reconnect_the_use_tells_old_from_new() {
    let mut client = resumed(vec![(7, 3)]);
    assert_eq!(client.packet(repeated(Qos::ExactlyOnce, 7)), [format!("publish #0 {TOPIC} qos2 7 use=3")]);
    assert_eq!(client.packet(publish(Qos::ExactlyOnce, 8)), [format!("publish #1 {TOPIC} qos2 8 use=0")]);
}

#[test]
fn a_pubrel_from_before_a_reconnect_is_completed() {
    let mut client = resumed(vec![(7, 3)]);
    assert_eq!(client.packet(pubrel(7)), ["released 7 uses=4"]);
    assert_eq!(client.packet(pubrel(9)), ["released 9 uses=1"]);
    assert_eq!(client.event(done(9)), ["pubcomp 9 00"]);
    assert_eq!(client.event(done(7)), ["pubcomp 7 00"]);
    assert_eq!(client.packet(pubrel(7)), ["pubcomp 7 92 why"]);
}

#[test]
fn a_pubrel_of_nothing_is_told_so() {
    assert_eq!(Client::live(Version::V5).packet(pubrel(7)), ["pubcomp 7 92 why"]);
}

#[test]
fn a_refused_publish_frees_its_packet_id() {
    let mut client = Client::live(Version::V5);
    client.publish(Qos::ExactlyOnce, 7);
    assert_eq!(client.answer(0, refused(ErrorCode::RateLimited, None)), ["pubrec 7 97 why error=2012"]);
    assert_eq!(client.publish(Qos::ExactlyOnce, 7), [format!("publish #1 {TOPIC} qos2 7 use=0")]);
}

#[test]
fn a_refusal_on_3_1_1_goes_the_whole_way() {
    let mut client = Client::live(Version::V311);
    client.subscribe(None, &["u/alice/#"]);
    client.publish(Qos::ExactlyOnce, 7);
    let effects = client.answer(0, refused(ErrorCode::NotAMember, Some(notice())));
    assert_eq!(effects, [format!("deliver {TOPIC}").as_str(), "pubrec 7 00"]);
    assert_eq!(client.packet(pubrel(7)), ["released 7 uses=1"]);
}

#[test]
fn steps_out_of_turn_end_the_connection() {
    let mut client = Client::live(Version::V5);
    client.publish(Qos::ExactlyOnce, 7);
    assert_eq!(client.packet(pubrel(7)), ["disconnect 82 why error=1101", "close"]);
    let mut client = Client::live(Version::V5);
    client.publish(Qos::ExactlyOnce, 7);
    client.answer(0, stored(1));
    client.packet(pubrel(7));
    assert_eq!(client.publish(Qos::ExactlyOnce, 7), ["disconnect 82 why error=1101", "close"]);
}

#[test]
fn without_a_stored_use_there_is_no_pubcomp() {
    let mut client = Client::live(Version::V5);
    client.publish(Qos::ExactlyOnce, 7);
    client.answer(0, stored(1));
    client.packet(pubrel(7));
    let result = Err(Refusal::new(ErrorCode::StoreUnavailable, "no"));
    assert_eq!(client.event(Event::Released { packet_id: 7, result }), ["disconnect 89 why error=4002", "close"]);
}

#[test]
fn what_only_a_receiver_of_qos_2_says_is_answered_or_ignored() {
    let mut client = Client::live(Version::V5);
    let ack = || Ack { packet_id: 5, ..Ack::default() };
    assert_eq!(client.packet(Packet::PubRec(ack())), ["pubrel 5 92 why"]);
    assert!(client.packet(Packet::PubComp(ack())).is_empty());
    client.event(super::harness::delivery(Some(1), TOPIC));
    let taken = Ack { packet_id: 1, ..Ack::default() };
    assert_eq!(client.packet(Packet::PubRec(taken)), ["disconnect 82 why error=1101", "close"]);
}
