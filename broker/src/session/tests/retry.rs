//! What DUP may refer to.

use longwave_model::FirstSending;

use super::super::OpenedSession;
use super::harness::{Client, TOPIC, connect, opened, repeated, stored};
use crate::codec::packet::{Qos, Version};
use crate::limits::Limits;

/// When an earlier connection sent what it left with this packet id.
fn first(packet_id: u16) -> FirstSending {
    FirstSending { connection: 3, number: 100 + u64::from(packet_id) }
}

fn left(client: &mut Client) -> Vec<u16> {
    client.lose().unsettled.into_iter().map(|(packet_id, _)| packet_id).collect()
}

fn after(unsettled: &[u16]) -> Client {
    let opened = OpenedSession {
        session_present: true,
        unsettled: unsettled.iter().map(|id| (*id, first(*id))).collect(),
        ..opened()
    };
    Client::live_with(connect(Version::V311), opened, Limits { receive_maximum: 4, ..Limits::default() })
}

#[test]
fn dup_counts_only_for_what_was_left() {
    let mut client = after(&[1, 2]);
    assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 1)), [format!("publish #0 {TOPIC} qos1 1 resend notice")]);
    assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 3)), [format!("publish #1 {TOPIC} qos1 3 notice")]);
    client.answer(0, stored(1));
    assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 1)), [format!("publish #2 {TOPIC} qos1 1 notice")], "once");
}

#[test]
fn dup_does_not_count_for_a_packet_id_that_was_used_anew() {
    let mut client = after(&[1, 2]);
    client.publish(Qos::AtLeastOnce, 1);
    client.answer(0, stored(1));
    assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 1)), [format!("publish #1 {TOPIC} qos1 1 notice")]);
    assert_eq!(client.packet(repeated(Qos::AtLeastOnce, 2)), [format!("publish #2 {TOPIC} qos1 2 resend notice")]);
}

#[test]
fn what_is_unanswered_is_left_and_what_was_acknowledged_is_not() {
    let mut client = after(&[]);
    client.publish(Qos::AtLeastOnce, 1);
    client.answer(0, stored(1));
    client.publish(Qos::AtLeastOnce, 3);
    client.publish(Qos::ExactlyOnce, 4);
    assert_eq!(left(&mut client), [3], "1 has its PUBACK, 4 is exact by itself");
}

#[test]
fn what_was_left_before_stays_left_until_its_packet_id_is_used() {
    let mut client = after(&[7, 8]);
    client.publish(Qos::AtLeastOnce, 7);
    client.answer(0, stored(1));
    assert_eq!(left(&mut client), [8]);
}

#[test]
fn no_more_is_left_than_may_be_unacknowledged() {
    let mut client = after(&[10, 11, 12, 13]);
    client.publish(Qos::AtLeastOnce, 1);
    assert_eq!(left(&mut client), [1, 10, 11, 12]);
}

#[test]
fn a_publish_is_named_by_the_first_time_it_was_sent() {
    let mut client = after(&[1]);
    client.publish(Qos::AtLeastOnce, 2);
    client.packet(repeated(Qos::AtLeastOnce, 1));
    let connection = opened().sender.connection;
    let unsettled = client.lose().unsettled;
    assert_eq!(
        unsettled,
        [(2, FirstSending { connection, number: 1 }), (1, first(1))],
        "whichever connection that was"
    );
}

#[test]
fn an_idle_session_remembers_nothing() {
    let mut client = after(&[1]);
    client.packet(repeated(Qos::AtLeastOnce, 1));
    client.answer(0, stored(1));
    assert!(client.session.unanswered.is_none());
}
