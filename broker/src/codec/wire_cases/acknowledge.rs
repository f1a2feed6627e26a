//! PUBACK, PUBREC, PUBREL, PUBCOMP.

use super::super::packet::Version::{V5, V311};
use super::super::packet::{Ack, Packet};
use super::{WireCase, malformed, protocol_error, valid};

fn seven() -> Ack {
    Ack { packet_id: 7, ..Ack::default() }
}

pub(super) const CASES: &[WireCase] = &[
    valid("v3-puback", V311, "40 02 00 07", || Packet::PubAck(seven())),
    valid("v3-pubrec", V311, "50 02 00 07", || Packet::PubRec(seven())),
    valid("v3-pubrel", V311, "62 02 00 07", || Packet::PubRel(seven())),
    valid("v3-pubcomp", V311, "70 02 00 07", || Packet::PubComp(seven())),
    valid("v5-puback", V5, "40 02 00 07", || Packet::PubAck(seven())),
    valid("v5-puback-no-match", V5, "40 03 00 07 10", || Packet::PubAck(Ack { reason: 0x10, ..seven() })),
    valid("v5-puback-every-property", V5, "40 12 00 07 99  0e 1f 00 02 'no' 26 00 03 'seq' 00 01 '1'", || {
        Packet::PubAck(Ack {
            reason: 0x99,
            reason_string: Some("no".into()),
            user_properties: vec![("seq".into(), "1".into())],
            ..seven()
        })
    }),
    valid("v5-pubrec-quota", V5, "50 03 00 07 97", || Packet::PubRec(Ack { reason: 0x97, ..seven() })),
    valid("v5-pubrel", V5, "62 02 00 07", || Packet::PubRel(seven())),
    valid("v5-pubrel-not-found", V5, "62 03 00 07 92", || Packet::PubRel(Ack { reason: 0x92, ..seven() })),
    valid("v5-pubcomp-reason-string", V5, "70 09 00 07 92 05 1f 00 02 'no'", || {
        Packet::PubComp(Ack { reason: 0x92, reason_string: Some("no".into()), ..seven() })
    }),
    malformed("v3-puback-packet-id-0", V311, "40 02 00 00"),
    malformed("v5-puback-packet-id-0", V5, "40 02 00 00"),
    malformed("v3-puback-flags", V311, "42 02 00 07"),
    malformed("v3-puback-cut-off", V311, "40 01 00"),
    malformed("v3-puback-nothing", V311, "40 00"),
    malformed("v3-puback-bytes-behind", V311, "40 03 00 07 00"),
    malformed("v3-pubrel-flags", V311, "60 02 00 07"),
    malformed("v5-pubrec-flags", V5, "5f 02 00 07"),
    malformed("v5-puback-unknown-reason", V5, "40 03 00 07 42"),
    malformed("v5-pubrel-reason-of-puback", V5, "62 03 00 07 97"),
    malformed("v5-puback-bytes-behind", V5, "40 05 00 07 00 00 00"),
    malformed("v5-puback-property-of-publish", V5, "40 07 00 07 00 03 23 00 01"),
    protocol_error("v5-puback-reason-string-twice", V5, "40 0c 00 07 00 08 1f 00 01 'a' 1f 00 01 'b'"),
];
