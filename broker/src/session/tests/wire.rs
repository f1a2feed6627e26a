//! Every wire case into a session: as the first packet, and into a live one.

use super::super::{Event, Session};
use super::harness::Client;
use crate::codec::Decoder;
use crate::codec::packet::{Packet, Version};
use crate::codec::wire_cases::{self, Expected, WireCase};
use crate::limits::Limits;

fn event(case: &WireCase, session: &Session) -> Event {
    let mut buffer = bytes::BytesMut::from(&case.bytes()[..]);
    match Decoder::new(case.version, session.packet_limit()).decode(&mut buffer) {
        Ok(packet) => Event::Packet(packet.unwrap()),
        Err(error) => Event::Undecodable(error),
    }
}

#[test]
fn what_is_no_packet_ends_a_live_session_with_its_reason() {
    for case in wire_cases::all() {
        let Expected::Error(reason, code) = case.expected else { continue };
        let mut client = Client::live(case.version);
        let effects = client.event(event(case, &client.session));
        match case.version {
            Version::V5 => {
                let expected = format!("disconnect {reason:02x} why error={}", code.number());
                assert_eq!(effects, [expected.as_str(), "close"], "{}", case.name);
            }
            Version::V311 => assert_eq!(effects, ["close"], "{}", case.name),
        }
    }
}

#[test]
fn what_is_no_connect_ends_a_new_session() {
    for case in wire_cases::all() {
        let mut client = Client::new(Limits::default());
        let event = event(case, &client.session);
        let connects = matches!(event, Event::Packet(Packet::Connect(_)));
        let effects = client.event(event);
        if connects {
            assert!(
                effects[0].starts_with("admit") || effects[0].starts_with("connack 8"),
                "{}: {effects:?}",
                case.name
            );
            continue;
        }
        assert_eq!(effects.last().unwrap(), "close", "{}", case.name);
        match (&case.expected, case.version) {
            (Expected::Error(reason, _), Version::V5) => {
                // MQTT 5, table 3-1: codes such as 0x94 (topic alias) do not exist there. Found by fuzzing.
                let code = if matches!(reason, 0x81..=0x85 | 0x95) { *reason } else { 0x82 };
                assert!(effects[0].starts_with(&format!("connack {code:02x}")), "{}: {effects:?}", case.name);
            }
            _ => assert_eq!(effects.len(), 1, "{}: {effects:?}", case.name),
        }
    }
}

#[test]
fn what_is_a_packet_is_understood_by_a_live_session() {
    for case in wire_cases::all() {
        if !matches!(case.expected, Expected::Packet(_)) {
            continue;
        }
        let mut client = Client::live(case.version);
        let effects = client.event(event(case, &client.session));
        let from_servers = ["connack", "suback", "unsuback", "pingresp"];
        let breaks = case.name.contains("-connect")
            || from_servers.iter().any(|name| case.name.contains(&format!("-{name}")))
            || ["auth", "disconnect", "retained"].iter().any(|name| case.name.contains(name))
            // An alias that stands for nothing, and subscription identifiers from a client.
            || ["v5-publish-alias-alone", "v5-publish-every-property"].contains(&case.name);
        assert_eq!(effects.last().is_some_and(|last| last == "close"), breaks, "{}: {effects:?}", case.name);
    }
}
