//! What DUP may refer to (protocol rule 20).

use longwave_port::Unsettled;

use super::super::OpenedSession;
use super::harness::{Client, TOPIC, connect, opened, repeated, stored};
use crate::codec::packet::{Packet, Qos, Version};
use crate::limits::Limits;

fn after(unsettled: Unsettled) -> Client {
    let opened = OpenedSession { session_present: true, unsettled, ..opened() };
    Client::live_with(connect(Version::V311), opened, Limits { receive_maximum: 4, ..Limits::default() })
}

#[test]
fn dup_counts_only_for_what_was_left() {
    let mut client = after(Unsettled::Only(vec![1, 2]));
    assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 1)), [format!("publish #0 {TOPIC} qos1 1 resend notice")]);
    assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 3)), [format!("publish #1 {TOPIC} qos1 3 notice")]);
    client.answer(0, stored(1));
    assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 1)), [format!("publish #2 {TOPIC} qos1 1 notice")], "once");
}

#[test]
fn dup_does_not_count_for_a_packet_id_that_was_used_anew() {
    for unsettled in [Unsettled::Only(vec![1, 2]), Unsettled::Unknown] {
        let mut client = after(unsettled);
        client.publish(Qos::AtLeastOnce, 1);
        client.answer(0, stored(1));
        assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 1)), [format!("publish #1 {TOPIC} qos1 1 notice")]);
        assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 2)), [format!("publish #2 {TOPIC} qos1 2 resend notice")]);
    }
}

#[test]
fn after_a_crash_of_the_server_any_packet_id_may_be_a_resend() {
    let mut client = after(Unsettled::Unknown);
    assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 9)), [format!("publish #0 {TOPIC} qos1 9 resend notice")]);
}

#[test]
fn what_is_unanswered_or_was_acknowledged_a_moment_ago_is_left() {
    let mut client = after(Unsettled::Only(Vec::new()));
    for (ticket, id) in [(0, 1), (1, 2)] {
        client.publish(Qos::AtLeastOnce, id);
        client.answer(ticket, stored(1));
        client.wait(1_500);
    }
    client.publish(Qos::AtLeastOnce, 3);
    client.publish(Qos::ExactlyOnce, 4);
    assert_eq!(client.lose().unsettled, [3, 2], "1 was acknowledged 3 s ago, 4 is exact by itself");
}

#[test]
fn what_was_left_before_stays_left_until_its_packet_id_is_used() {
    let mut client = after(Unsettled::Only(vec![7, 8]));
    client.publish(Qos::AtLeastOnce, 7);
    client.answer(0, stored(1));
    client.wait(2_000);
    assert_eq!(client.lose().unsettled, [8]);
}

#[test]
fn no_more_is_left_than_may_be_unacknowledged() {
    let mut client = after(Unsettled::Only(Vec::new()));
    for id in 1..=20_u16 {
        client.publish(Qos::AtLeastOnce, id);
        client.answer(u64::from(id) - 1, stored(1));
    }
    assert_eq!(client.lose().unsettled, [20, 19, 18, 17]);
}

#[test]
fn an_idle_session_remembers_nothing() {
    let mut client = after(Unsettled::Only(Vec::new()));
    client.publish(Qos::AtLeastOnce, 1);
    client.answer(0, stored(1));
    client.wait(2_000);
    client.packet(Packet::PingReq);
    assert!(client.session.retry.is_none());
}
