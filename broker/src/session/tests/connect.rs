//! From CONNECT to CONNACK.

use longwave_model::{DeviceId, ErrorCode, Refusal};
use longwave_port::Identity;

use super::super::{Event, Now, OpenedSession};
use super::harness::{Client, UNIX, connect, identity, opened, publish, subscription};
use crate::codec::packet::{ConnAck, Connect, Packet, PublishProperties, Qos, Version, Will};
use crate::limits::Limits;

fn start(connect: Connect) -> (Client, Vec<String>) {
    let mut client = Client::new(Limits::default());
    let effects = client.packet(Packet::Connect(Box::new(connect)));
    (client, effects)
}

#[test]
fn a_client_is_admitted_then_opened_then_told() {
    for version in [Version::V311, Version::V5] {
        let (mut client, effects) = start(connect(version));
        assert_eq!(effects, [r#"admit Some("alice") "phone""#]);
        assert!(!client.session.reads());
        let expiry = if version == Version::V5 { 3_600 } else { 90 * 24 * 60 * 60 };
        assert_eq!(
            client.event(Event::Admitted(Ok(identity()))),
            [format!("open alice phone service=false clean=false expiry={expiry}")]
        );
        assert_eq!((client.session.reads(), client.session.room()), (false, 0));
        let resumed = OpenedSession { session_present: true, ..opened() };
        assert_eq!(client.event(Event::Opened(Ok(resumed))), ["connack 00 present"]);
        assert_eq!((client.session.reads(), client.session.room(), client.session.version()), (true, 100, version));
        assert_eq!(client.session.packet_limit(), Limits::default().packet_bytes);
    }
}

#[test]
fn connack_tells_the_limits() {
    let told = Client::new(Limits::default()).connack(connect(Version::V5), opened());
    let expected = ConnAck {
        receive_maximum: Some(100),
        retain_available: Some(false),
        maximum_packet_size: Some(262_144),
        topic_alias_maximum: 16,
        shared_available: Some(false),
        ..ConnAck::default()
    };
    assert_eq!(told, expected);
    let told = Client::new(Limits::default()).connack(
        Connect { session_expiry: Some(u32::MAX), keep_alive: 0, client_id: String::new(), ..connect(Version::V5) },
        opened(),
    );
    let changed = ConnAck {
        session_expiry: Some(90 * 24 * 60 * 60),
        server_keep_alive: Some(1_800),
        assigned_client_id: Some(format!("auto-{UNIX:x}-0000000000000abc")),
        ..expected
    };
    assert_eq!(told, changed);
    assert_eq!(Client::new(Limits::default()).connack(connect(Version::V311), opened()), ConnAck::default());
}

#[test]
fn response_information_is_for_those_who_ask() {
    let limits = || Limits { response_information: Some("answers/%u".into()), ..Limits::default() };
    for (asked, told) in [(true, Some("answers/alice")), (false, None)] {
        let connect = Connect { request_response_information: asked, ..connect(Version::V5) };
        let connack = Client::new(limits()).connack(connect, opened());
        assert_eq!(connack.response_information.as_deref(), told);
    }
}

#[test]
fn a_clean_start_is_never_present() {
    for version in [Version::V311, Version::V5] {
        let mut client = Client::new(Limits::default());
        let clean = Connect { clean_start: true, ..connect(version) };
        let told = client.connack(clean, OpenedSession { session_present: true, ..opened() });
        assert!(!told.session_present);
    }
}

#[test]
fn a_clean_session_of_3_1_1_ends_with_its_connection() {
    let (mut client, _) = start(Connect { clean_start: true, ..connect(Version::V311) });
    assert_eq!(client.event(Event::Admitted(Ok(identity()))), ["open alice phone service=false clean=true expiry=0"]);
}

#[test]
fn connects_that_are_refused_at_once() {
    let will = Will {
        topic: "w".into(),
        payload: bytes::Bytes::new(),
        qos: Qos::AtMostOnce,
        retain: false,
        delay: 0,
        properties: PublishProperties::default(),
    };
    for (connect, expected) in [
        (Connect { auth_method: Some("SCRAM".into()), ..connect(Version::V5) }, "connack 8c why error=1004"),
        (Connect { will: Some(will.clone()), ..connect(Version::V5) }, "connack 87 why error=1005"),
        (Connect { will: Some(will), ..connect(Version::V311) }, "connack 87 why error=1005"),
        (Connect { client_id: "x".repeat(129), ..connect(Version::V5) }, "connack 85 why error=1003"),
        (Connect { client_id: "a\u{7}".into(), ..connect(Version::V311) }, "connack 85 why error=1003"),
        (Connect { client_id: String::new(), ..connect(Version::V311) }, "connack 85 why error=1003"),
    ] {
        let (client, effects) = start(connect);
        assert_eq!(effects, [expected, "close"]);
        assert!(client.session.is_closed());
    }
}

#[test]
fn refusals_of_admission_are_told_unless_they_will_pass() {
    for (code, expected) in [
        (ErrorCode::BadCredentials, &["connack 86 why error=1001", "close"][..]),
        (ErrorCode::TokenExpired, &["connack 87 why error=1002", "close"]),
        (ErrorCode::BadDeviceId, &["connack 85 why error=1003", "close"]),
        (ErrorCode::StoreUnavailable, &["close"]),
        (ErrorCode::Overloaded, &["close"]),
    ] {
        let (mut client, _) = start(connect(Version::V5));
        assert_eq!(client.event(Event::Admitted(Err(Refusal::new(code, "no")))), expected, "{code}");
        let (mut client, _) = start(connect(Version::V5));
        client.event(Event::Admitted(Ok(identity())));
        assert_eq!(client.event(Event::Opened(Err(Refusal::new(code, "no")))), expected, "{code}");
    }
}

#[test]
fn a_pin_binds_a_token_to_its_device() {
    let pinned = |service| Identity { device: Some(DeviceId::parse("tablet").unwrap()), service, ..identity() };
    let (mut client, _) = start(connect(Version::V5));
    assert_eq!(client.event(Event::Admitted(Ok(pinned(false)))), ["connack 85 why error=1003", "close"]);
    let (mut client, _) = start(connect(Version::V5));
    assert_eq!(
        client.event(Event::Admitted(Ok(pinned(true)))),
        ["open alice phone service=true clean=false expiry=3600"]
    );
    let (mut client, _) = start(Connect { client_id: String::new(), ..connect(Version::V5) });
    assert_eq!(
        client.event(Event::Admitted(Ok(pinned(false)))),
        ["open alice tablet service=false clean=false expiry=3600"]
    );
}

#[test]
fn a_token_that_has_expired_meanwhile_is_refused() {
    let (mut client, _) = start(connect(Version::V5));
    let expired = Identity { expires_at: Some(UNIX), ..identity() };
    assert_eq!(client.event(Event::Admitted(Ok(expired))), ["connack 87 why error=1002", "close"]);
}

#[test]
fn explanations_are_left_out_when_they_do_not_fit() {
    for (maximum, expected) in [
        (u32::MAX, &["connack 86 why error=1001", "close"][..]),
        (20, &["connack 86 error=1001", "close"]),
        (5, &["connack 86", "close"]),
        (4, &["close"]),
    ] {
        let (mut client, _) = start(Connect { maximum_packet_size: Some(maximum), ..connect(Version::V5) });
        let refusal = Refusal::new(ErrorCode::BadCredentials, "the user name or password is wrong");
        assert_eq!(client.event(Event::Admitted(Err(refusal))), expected, "{maximum}");
    }
}

#[test]
fn a_client_that_takes_no_connack_is_left() {
    let (mut client, _) = start(Connect { maximum_packet_size: Some(8), ..connect(Version::V5) });
    client.event(Event::Admitted(Ok(identity())));
    assert_eq!(client.event(Event::Opened(Ok(opened()))), ["close"]);
}

#[test]
fn the_first_packet_is_connect_and_no_other_is() {
    for packet in
        [publish(Qos::AtMostOnce, 0), Packet::PingReq, Packet::Disconnect(Box::default()), Packet::Auth(Box::default())]
    {
        let mut client = Client::new(Limits::default());
        assert_eq!(client.packet(packet), ["close"]);
    }
    let mut client = Client::live(Version::V5);
    assert_eq!(
        client.packet(Packet::Connect(Box::new(connect(Version::V5)))),
        ["disconnect 82 why error=1101", "close"]
    );
}

#[test]
fn answers_that_nothing_asked_for_change_nothing() {
    let mut client = Client::new(Limits::default());
    assert!(client.event(Event::Opened(Ok(opened()))).is_empty());
    assert!(client.event(Event::Admitted(Ok(identity()))).is_empty());
    let mut client = Client::live(Version::V5);
    assert!(client.event(Event::Admitted(Ok(identity()))).is_empty());
    assert!(client.event(Event::Opened(Ok(opened()))).is_empty());
    assert!(client.session.is_live());
}

#[test]
fn a_resumed_session_has_its_subscriptions() {
    let resumed =
        OpenedSession { session_present: true, subscriptions: vec![subscription("u/alice/#", Some(3))], ..opened() };
    let mut client = Client::live_with(connect(Version::V5), resumed, Limits::default());
    client.now = Now { monotonic: 1, unix: UNIX + 1 };
    assert_eq!(
        client.event(super::harness::delivery(Some(1), "u/alice/c/@bob/json")),
        ["deliver u/alice/c/@bob/json 1 ids=[3]"]
    );
}
