//! SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK.

use longwave_model::ErrorCode;

use super::super::packet::Version::{V5, V311};
use super::super::packet::{Packet, Qos, SubAck, Subscribe, SubscribeFilter, Unsubscribe};
use super::{WireCase, invalid, malformed, protocol_error, valid};

fn filter(filter: &str, qos: Qos) -> SubscribeFilter {
    SubscribeFilter { filter: filter.into(), qos, no_local: false, retain_as_published: false, retain_handling: 0 }
}

fn subscribe(identifier: Option<u32>, filters: Vec<SubscribeFilter>) -> Packet {
    Packet::Subscribe(Box::new(Subscribe { packet_id: 7, identifier, filters, user_properties: Vec::new() }))
}

const fn bad_filter(name: &'static str, wire: &'static str) -> WireCase {
    invalid(name, V311, wire, 0x81, ErrorCode::BadFilter)
}

pub(super) const CASES: &[WireCase] = &[
    valid("v3-subscribe", V311, "82 0e 00 07  00 03 'a/+' 01  00 03 'b/#' 02", || {
        subscribe(None, vec![filter("a/+", Qos::AtLeastOnce), filter("b/#", Qos::ExactlyOnce)])
    }),
    valid(
        "v5-subscribe-every-option",
        V5,
        "82 12 00 07  09 0b 05 26 00 01 'k' 00 01 'v'  00 03 'a/b' 2e ; QoS 2, no local, as published, retain handling 2",
        || {
            let options = SubscribeFilter {
                no_local: true,
                retain_as_published: true,
                retain_handling: 2,
                ..filter("a/b", Qos::ExactlyOnce)
            };
            Packet::Subscribe(Box::new(Subscribe {
                packet_id: 7,
                identifier: Some(5),
                filters: vec![options],
                user_properties: vec![("k".into(), "v".into())],
            }))
        },
    ),
    valid("v5-subscribe-shared", V5, "82 12 00 07 00  00 0c '$share/g/a/b' 01", || {
        subscribe(None, vec![filter("$share/g/a/b", Qos::AtLeastOnce)])
    }),
    valid("v3-subscribe-hash", V311, "82 06 00 07  00 01 '#' 00", || {
        subscribe(None, vec![filter("#", Qos::AtMostOnce)])
    }),
    valid("v3-subscribe-dollar", V311, "82 0b 00 07  00 06 '$SYS/+' 00", || {
        subscribe(None, vec![filter("$SYS/+", Qos::AtMostOnce)])
    }),
    malformed("v3-subscribe-flags", V311, "80 08 00 07  00 03 'a/b' 01"),
    malformed("v3-subscribe-packet-id-0", V311, "82 08 00 00  00 03 'a/b' 01"),
    malformed("v3-subscribe-reserved-bits", V311, "82 08 00 07  00 03 'a/b' 05"),
    malformed("v5-subscribe-reserved-bits", V5, "82 09 00 07 00  00 03 'a/b' 41"),
    malformed("v3-subscribe-no-options", V311, "82 07 00 07  00 03 'a/b'"),
    malformed("v3-subscribe-filter-not-utf8", V311, "82 06 00 07  00 01 ff 00"),
    malformed("v3-subscribe-filter-with-nul", V311, "82 06 00 07  00 01 00 00"),
    protocol_error("v3-subscribe-no-filter", V311, "82 02 00 07"),
    protocol_error("v5-subscribe-no-filter", V5, "82 03 00 07 00"),
    protocol_error("v3-subscribe-qos-3", V311, "82 08 00 07  00 03 'a/b' 03"),
    protocol_error("v5-subscribe-retain-handling-3", V5, "82 09 00 07 00  00 03 'a/b' 30"),
    protocol_error("v5-subscribe-no-local-shared", V5, "82 12 00 07 00  00 0c '$share/g/a/b' 05"),
    protocol_error("v5-subscribe-identifier-0", V5, "82 0b 00 07 02 0b 00  00 03 'a/b' 00"),
    protocol_error("v5-subscribe-identifier-twice", V5, "82 0d 00 07 04 0b 01 0b 02  00 03 'a/b' 00"),
    malformed("v5-subscribe-identifier-overlong", V5, "82 0c 00 07 03 0b 81 00  00 03 'a/b' 00"),
    malformed("v5-subscribe-property-of-publish", V5, "82 0c 00 07 03 23 00 01  00 03 'a/b' 00"),
    bad_filter("v3-subscribe-filter-empty", "82 05 00 07  00 00 00"),
    bad_filter("v3-subscribe-hash-not-last", "82 08 00 07  00 03 '#/a' 00"),
    bad_filter("v3-subscribe-hash-in-level", "82 09 00 07  00 04 'a/b#' 00"),
    bad_filter("v3-subscribe-plus-in-level", "82 09 00 07  00 04 'a/b+' 00"),
    bad_filter("v3-subscribe-share-without-name", "82 0d 00 07  00 08 '$share//' 00"),
    bad_filter("v3-subscribe-share-without-filter", "82 0d 00 07  00 08 '$share/g' 00"),
    bad_filter("v3-subscribe-share-name-wildcard", "82 0f 00 07  00 0a '$share/+/a' 00"),
    valid("v3-suback", V311, "90 04 00 07 01 80", || {
        Packet::SubAck(SubAck { packet_id: 7, reasons: vec![1, 0x80], ..SubAck::default() })
    }),
    valid("v5-suback", V5, "90 0b 00 07 06 1f 00 03 'why' 02 9e", || {
        Packet::SubAck(SubAck {
            packet_id: 7,
            reasons: vec![2, 0x9e],
            reason_string: Some("why".into()),
            ..SubAck::default()
        })
    }),
    malformed("v3-suback-unknown-code", V311, "90 03 00 07 03"),
    valid("v3-unsubscribe", V311, "a2 0a 00 07  00 03 'a/b' 00 01 '#'", || {
        Packet::Unsubscribe(Box::new(Unsubscribe {
            packet_id: 7,
            filters: vec!["a/b".into(), "#".into()],
            user_properties: Vec::new(),
        }))
    }),
    valid("v5-unsubscribe", V5, "a2 0f 00 07 07 26 00 01 'k' 00 01 'v'  00 03 'a/b'", || {
        Packet::Unsubscribe(Box::new(Unsubscribe {
            packet_id: 7,
            filters: vec!["a/b".into()],
            user_properties: vec![("k".into(), "v".into())],
        }))
    }),
    malformed("v3-unsubscribe-flags", V311, "a0 07 00 07  00 03 'a/b'"),
    malformed("v3-unsubscribe-packet-id-0", V311, "a2 07 00 00  00 03 'a/b'"),
    protocol_error("v3-unsubscribe-no-filter", V311, "a2 02 00 07"),
    bad_filter("v3-unsubscribe-bad-filter", "a2 06 00 07  00 02 '##'"),
    malformed("v5-unsubscribe-property-of-subscribe", V5, "a2 0a 00 07 02 0b 01  00 03 'a/b'"),
    valid("v3-unsuback", V311, "b0 02 00 07", || Packet::UnsubAck(SubAck { packet_id: 7, ..SubAck::default() })),
    valid("v5-unsuback", V5, "b0 05 00 07 00 00 11", || {
        Packet::UnsubAck(SubAck { packet_id: 7, reasons: vec![0, 0x11], ..SubAck::default() })
    }),
    malformed("v3-unsuback-bytes-behind", V311, "b0 03 00 07 00"),
];
