//! Deadlines.

use longwave_port::{Answer, Identity};

use super::super::Event;
use super::harness::{Client, UNIX, connect, identity, opened, stored, subscribe};
use crate::codec::packet::{Connect, Packet, Qos, Version};
use crate::limits::Limits;

fn with_keep_alive(version: Version, keep_alive: u16) -> Client {
    Client::live_with(Connect { keep_alive, ..connect(version) }, opened(), Limits::default())
}

#[test]
fn connect_has_to_come_in_time() {
    let mut client = Client::new(Limits::default());
    assert_eq!(client.session.deadline(), Some(10_000));
    client.wait(9_999);
    assert!(client.tick().is_empty());
    client.wait(1);
    assert_eq!(client.tick(), ["close"]);
}

#[test]
fn admission_takes_as_long_as_it_takes() {
    let mut client = Client::new(Limits::default());
    client.packet(Packet::Connect(Box::new(connect(Version::V5))));
    assert_eq!(client.session.deadline(), None);
    client.wait(1_000_000);
    assert!(client.tick().is_empty());
}

#[test]
fn silence_for_one_and_a_half_keep_alives_ends_the_connection() {
    let mut client = with_keep_alive(Version::V5, 10);
    assert_eq!(client.session.deadline(), Some(15_000));
    client.wait(10_000);
    client.packet(Packet::PingReq);
    assert_eq!(client.session.deadline(), Some(25_000));
    client.wait(14_999);
    assert!(client.tick().is_empty());
    client.wait(1);
    assert_eq!(client.tick(), ["disconnect 8d why error=1008", "close"]);
    let mut client = with_keep_alive(Version::V311, 10);
    client.wait(15_000);
    assert_eq!(client.tick(), ["close"]);
}

#[test]
fn a_3_1_1_client_keeps_its_keep_alive_and_a_5_0_client_gets_the_servers() {
    assert_eq!(with_keep_alive(Version::V311, 0).session.deadline(), None);
    assert_eq!(with_keep_alive(Version::V311, 60_000).session.deadline(), Some(90_000_000));
    assert_eq!(with_keep_alive(Version::V5, 0).session.deadline(), Some(2_700_000));
    assert_eq!(with_keep_alive(Version::V5, 60_000).session.deadline(), Some(2_700_000));
}

#[test]
fn a_client_that_is_not_read_is_not_missed() {
    let mut client = with_keep_alive(Version::V5, 10);
    client.packet(subscribe(7, None, &["a"]));
    assert_eq!(client.session.deadline(), None);
    client.wait(60_000);
    assert!(client.tick().is_empty());
    client.event(Event::Subscribed(Ok(vec![Ok(1)])));
    assert_eq!(client.session.deadline(), Some(75_000));
}

#[test]
fn an_unanswered_publish_ends_the_connection() {
    let mut client = Client::live(Version::V5);
    client.publish(Qos::AtLeastOnce, 1);
    client.wait(4_000);
    client.publish(Qos::AtLeastOnce, 2);
    assert_eq!(client.session.deadline(), Some(10_000));
    client.answer(0, stored(1));
    assert_eq!(client.session.deadline(), Some(14_000));
    client.wait(10_000);
    assert_eq!(client.tick(), ["disconnect 83 why error=1009", "close"]);
    assert!(client.answer(1, stored(2)).is_empty(), "too late");
}

#[test]
fn a_token_ends_its_connection_unless_renewed() {
    let mut client = Client::new(Limits::default());
    client.packet(Packet::Connect(Box::new(connect(Version::V5))));
    client.event(Event::Admitted(Ok(Identity { expires_at: Some(UNIX + 20_000), ..identity() })));
    client.wait(5_000);
    client.event(Event::Opened(Ok(opened())));
    assert_eq!(client.session.deadline(), Some(20_000));
    client.publish(Qos::AtLeastOnce, 1);
    let renewed = Answer::Done { notice: None, renewed_until: Some(UNIX + 50_000) };
    assert_eq!(client.answer(0, renewed), ["puback 1 00"]);
    assert_eq!(client.session.deadline(), Some(50_000));
    client.wait(44_999);
    assert!(client.tick().is_empty());
    client.wait(1);
    assert_eq!(client.tick(), ["disconnect 87 why error=1002", "close"]);
}
