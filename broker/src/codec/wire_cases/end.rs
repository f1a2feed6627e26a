//! PINGREQ, PINGRESP, DISCONNECT, AUTH, and packet types that do not exist.

use bytes::Bytes;

use super::super::packet::Version::{V5, V311};
use super::super::packet::{Auth, Disconnect, Packet};
use super::{WireCase, malformed, protocol_error, valid};

pub(super) const CASES: &[WireCase] = &[
    valid("v3-pingreq", V311, "c0 00", || Packet::PingReq),
    valid("v5-pingreq", V5, "c0 00", || Packet::PingReq),
    valid("v3-pingresp", V311, "d0 00", || Packet::PingResp),
    malformed("v3-pingreq-with-body", V311, "c0 01 00"),
    malformed("v5-pingresp-with-body", V5, "d0 01 00"),
    malformed("v3-pingreq-flags", V311, "c1 00"),
    valid("v3-disconnect", V311, "e0 00", || Packet::Disconnect(Box::default())),
    valid("v5-disconnect", V5, "e0 00", || Packet::Disconnect(Box::default())),
    valid("v5-disconnect-with-reason", V5, "e0 01 04", || {
        Packet::Disconnect(Box::new(Disconnect { reason: 4, ..Disconnect::default() }))
    }),
    valid(
        "v5-disconnect-every-property",
        V5,
        "e0 17 9c 15 11 00 00 00 3c 1c 00 01 's' 1f 00 02 'go' 26 00 01 'k' 00 01 'v'",
        || {
            Packet::Disconnect(Box::new(Disconnect {
                reason: 0x9c,
                session_expiry: Some(60),
                server_reference: Some("s".into()),
                reason_string: Some("go".into()),
                user_properties: vec![("k".into(), "v".into())],
            }))
        },
    ),
    malformed("v3-disconnect-with-body", V311, "e0 01 00"),
    malformed("v3-disconnect-flags", V311, "e2 00"),
    malformed("v5-disconnect-unknown-reason", V5, "e0 01 42"),
    malformed("v5-disconnect-bytes-behind", V5, "e0 03 00 00 00"),
    malformed("v5-disconnect-property-of-publish", V5, "e0 05 00 03 23 00 01"),
    protocol_error("v5-disconnect-expiry-twice", V5, "e0 0c 00 0a 11 00 00 00 3c 11 00 00 00 3c"),
    valid("v5-auth", V5, "f0 00", || Packet::Auth(Box::default())),
    valid(
        "v5-auth-every-property",
        V5,
        "f0 1a 18 18 15 00 05 'SCRAM' 16 00 02 01 02 1f 00 01 'x' 26 00 01 'k' 00 01 'v'",
        || {
            Packet::Auth(Box::new(Auth {
                reason: 0x18,
                method: Some("SCRAM".into()),
                data: Some(Bytes::from_static(&[1, 2])),
                reason_string: Some("x".into()),
                user_properties: vec![("k".into(), "v".into())],
            }))
        },
    ),
    protocol_error("v5-auth-data-without-method", V5, "f0 07 18 05 16 00 02 01 02"),
    malformed("v5-auth-flags", V5, "f1 00"),
    malformed("v3-auth", V311, "f0 00"),
    malformed("v3-packet-type-0", V311, "00 00"),
    malformed("v5-packet-type-0", V5, "0f 00"),
];
