//! Ends of sessions.

use longwave_model::{ErrorCode, Refusal};

use super::super::{Effect, Event};
use super::harness::{Client, closing, connect, opened};
use crate::codec::packet::{Connect, Disconnect, Packet, Version};
use crate::limits::Limits;

fn goodbye(session_expiry: Option<u32>) -> Event {
    Event::Packet(Packet::Disconnect(Box::new(Disconnect { session_expiry, ..Disconnect::default() })))
}

#[test]
fn the_server_says_why_it_closes_on_5_0() {
    for (code, reason) in [
        (ErrorCode::SessionTakenOver, 0x8e),
        (ErrorCode::ServerStopping, 0x8b),
        (ErrorCode::TokenExpired, 0x87),
        (ErrorCode::KeepAliveTimeout, 0x8d),
        (ErrorCode::Overloaded, 0x89),
    ] {
        let expected = format!("disconnect {reason:02x} why error={}", code.number());
        let close = || Event::Close(Refusal::new(code, "no"));
        assert_eq!(Client::live(Version::V5).event(close()), [expected.as_str(), "close"]);
        assert_eq!(Client::live(Version::V311).event(close()), ["close"]);
    }
}

#[test]
fn who_is_there_when_the_server_stops_is_sent_to_another() {
    let limits = || Limits { server_reference: Some("b.example.org:1883".into()), ..Limits::default() };
    for (code, reason, reference) in
        [(ErrorCode::ServerStopping, 0x9c, Some("b.example.org:1883")), (ErrorCode::SessionTakenOver, 0x8e, None)]
    {
        let mut client = Client::live_with(connect(Version::V5), opened(), limits());
        let effects = client.raw(Event::Close(Refusal::new(code, "no")));
        let Effect::Send(Packet::Disconnect(disconnect)) = &effects[0] else { panic!("{effects:?}") };
        assert_eq!((disconnect.reason, disconnect.server_reference.as_deref()), (reason, reference));
        let mut client = Client::live_with(connect(Version::V311), opened(), limits());
        assert_eq!(client.event(Event::Close(Refusal::new(code, "no"))), ["close"]);
    }
}

#[test]
fn before_connack_a_close_is_silent() {
    let close = || Event::Close(Refusal::new(ErrorCode::ServerStopping, "no"));
    let mut client = Client::new(Limits::default());
    assert_eq!(client.event(close()), ["close"]);
    let mut client = Client::new(Limits::default());
    client.packet(Packet::Connect(Box::new(connect(Version::V5))));
    assert_eq!(client.event(close()), ["close"]);
}

#[test]
fn disconnect_may_change_the_session_expiry() {
    for (asked, changed, kept) in
        [(Some(3_600), None, 3_600), (Some(3_600), Some(0), 0), (Some(3_600), Some(60), 60), (None, Some(0), 0)]
    {
        let connect = Connect { session_expiry: asked, ..connect(Version::V5) };
        let mut client = Client::live_with(connect, opened(), Limits::default());
        assert_eq!(closing(client.raw(goodbye(changed))).expiry_seconds, kept);
    }
    let mut client = Client::live(Version::V5);
    assert_eq!(closing(client.raw(goodbye(Some(u32::MAX)))).expiry_seconds, 90 * 24 * 60 * 60);
    let none = Connect { session_expiry: None, ..connect(Version::V5) };
    let mut client = Client::live_with(none, opened(), Limits::default());
    assert_eq!(client.event(goodbye(Some(60))), ["disconnect 82 why error=1101", "close"]);
}

#[test]
fn a_lost_socket_keeps_the_expiry() {
    assert_eq!(Client::live(Version::V5).lose().expiry_seconds, 3_600);
    assert_eq!(Client::live(Version::V311).lose().expiry_seconds, 90 * 24 * 60 * 60);
}

#[test]
fn after_the_end_there_is_silence() {
    let mut client = Client::live(Version::V5);
    client.lose();
    for event in
        [Event::Tick, Event::Disconnected, Event::Packet(Packet::PingReq), super::harness::delivery(Some(1), "a")]
    {
        assert!(client.event(event).is_empty());
    }
    assert_eq!((client.session.room(), client.session.reads(), client.session.deadline()), (0, false, None));
}

#[test]
fn packets_that_only_servers_send_and_auth_break_the_protocol() {
    for packet in [
        Packet::ConnAck(Box::default()),
        Packet::SubAck(crate::codec::packet::SubAck::default()),
        Packet::UnsubAck(crate::codec::packet::SubAck::default()),
        Packet::PingResp,
        Packet::Auth(Box::default()),
    ] {
        assert_eq!(Client::live(Version::V5).packet(packet.clone()), ["disconnect 82 why error=1101", "close"]);
        assert_eq!(Client::live(Version::V311).packet(packet), ["close"]);
    }
}

#[test]
fn ping_is_answered() {
    assert_eq!(Client::live(Version::V311).packet(Packet::PingReq), ["PingResp"]);
}
