//! PUBLISH.

use bytes::Bytes;
use longwave_model::ErrorCode;

use super::super::packet::Version::{V5, V311};
use super::super::packet::{Packet, Publish, PublishProperties, Qos};
use super::{WireCase, invalid, malformed, protocol_error, valid};

fn hello() -> Publish {
    Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic: "a/b".into(),
        packet_id: None,
        properties: PublishProperties::default(),
        payload: Bytes::from_static(b"hi"),
    }
}

fn publish(publish: Publish) -> Packet {
    Packet::Publish(Box::new(publish))
}

pub(super) const CASES: &[WireCase] = &[
    valid("v3-publish-qos-0", V311, "30 07  00 03 'a/b' 'hi'", || publish(hello())),
    valid("v3-publish-qos-1", V311, "32 09  00 03 'a/b' 00 07 'hi'", || {
        publish(Publish { qos: Qos::AtLeastOnce, packet_id: Some(7), ..hello() })
    }),
    valid("v3-publish-qos-2-dup", V311, "3c 09  00 03 'a/b' ff ff 'hi'", || {
        publish(Publish { qos: Qos::ExactlyOnce, packet_id: Some(0xffff), dup: true, ..hello() })
    }),
    valid("v3-publish-retained", V311, "31 07  00 03 'a/b' 'hi'", || publish(Publish { retain: true, ..hello() })),
    valid("v3-publish-empty", V311, "30 05  00 03 'a/b'", || publish(Publish { payload: Bytes::new(), ..hello() })),
    valid("v3-publish-not-ascii", V311, "30 08  00 04 c3 a9 '/b' 'hi'", || {
        publish(Publish { topic: "é/b".into(), ..hello() })
    }),
    valid("v5-publish-qos-0", V5, "30 08  00 03 'a/b' 00 'hi'", || publish(hello())),
    valid("v5-publish-qos-1", V5, "32 0a  00 03 'a/b' 00 07 00 'hi'", || {
        publish(Publish { qos: Qos::AtLeastOnce, packet_id: Some(7), ..hello() })
    }),
    valid("v5-publish-qos-2", V5, "34 0a  00 03 'a/b' 00 07 00 'hi'", || {
        publish(Publish { qos: Qos::ExactlyOnce, packet_id: Some(7), ..hello() })
    }),
    valid("v5-publish-alias-alone", V5, "32 0a  00 00 00 07 03 23 00 02 'hi'", || {
        publish(Publish {
            qos: Qos::AtLeastOnce,
            packet_id: Some(7),
            topic: "".into(),
            properties: PublishProperties { topic_alias: Some(2), ..PublishProperties::default() },
            ..hello()
        })
    }),
    valid("v5-publish-expiry-0", V5, "30 0d  00 03 'a/b' 05 02 00 00 00 00 'hi'", || {
        publish(Publish {
            properties: PublishProperties { message_expiry: Some(0), ..PublishProperties::default() },
            ..hello()
        })
    }),
    valid(
        "v5-publish-every-property",
        V5,
        "32 3a  00 03 'a/b' 00 07
         30 01 01 02 00 00 00 3c 23 00 01
         08 00 05 'r/e/s' 09 00 03 00 01 02
         0b 01 0b ff 7f     ; subscription identifiers 1 and 16383
         03 00 04 'text'
         26 00 01 'k' 00 00 26 00 00 00 01 'v'
         'hi'",
        || {
            publish(Publish {
                qos: Qos::AtLeastOnce,
                packet_id: Some(7),
                properties: PublishProperties {
                    utf8_payload: Some(true),
                    message_expiry: Some(60),
                    topic_alias: Some(1),
                    response_topic: Some("r/e/s".into()),
                    correlation_data: Some(Bytes::from_static(&[0, 1, 2])),
                    user_properties: vec![("k".into(), String::new()), (String::new(), "v".into())],
                    subscription_ids: vec![1, 16_383],
                    content_type: Some("text".into()),
                },
                ..hello()
            })
        },
    ),
    malformed("v3-publish-qos-3", V311, "36 09  00 03 'a/b' 00 07 'hi'"),
    malformed("v3-publish-dup-qos-0", V311, "38 07  00 03 'a/b' 'hi'"),
    malformed("v5-publish-dup-qos-0", V5, "38 08  00 03 'a/b' 00 'hi'"),
    malformed("v3-publish-packet-id-0", V311, "32 09  00 03 'a/b' 00 00 'hi'"),
    malformed("v3-publish-no-packet-id", V311, "32 06  00 03 'a/b' 00"),
    malformed("v3-publish-topic-empty", V311, "30 04  00 00 'hi'"),
    malformed("v3-publish-topic-plus", V311, "30 07  00 03 'a/+' 'hi'"),
    malformed("v5-publish-topic-hash", V5, "30 08  00 03 'a/#' 00 'hi'"),
    malformed("v3-publish-topic-with-nul", V311, "30 07  00 03 'a' 00 'b' 'hi'"),
    malformed("v3-publish-topic-not-utf8", V311, "30 07  00 03 'a' c3 28 'hi'"),
    malformed("v3-publish-topic-too-long", V311, "30 07  00 09 'a/b' 'hi'"),
    malformed("v3-publish-nothing", V311, "30 00"),
    malformed("v5-publish-no-properties", V5, "30 05  00 03 'a/b'"),
    protocol_error("v5-publish-neither-topic-nor-alias", V5, "30 05  00 00 00 'hi'"),
    invalid("v5-publish-alias-0", V5, "30 0b  00 03 'a/b' 03 23 00 00 'hi'", 0x94, ErrorCode::TopicAlias),
    protocol_error("v5-publish-alias-twice", V5, "30 0e  00 03 'a/b' 06 23 00 01 23 00 01 'hi'"),
    protocol_error("v5-publish-subscription-id-0", V5, "30 0a  00 03 'a/b' 02 0b 00 'hi'"),
    malformed("v5-publish-subscription-id-overlong", V5, "30 0b  00 03 'a/b' 03 0b 81 00 'hi'"),
    protocol_error("v5-publish-payload-format-2", V5, "30 0a  00 03 'a/b' 02 01 02 'hi'"),
    malformed("v5-publish-response-topic-wildcard", V5, "30 0c  00 03 'a/b' 04 08 00 01 '#' 'hi'"),
    malformed("v5-publish-property-of-connect", V5, "30 0b  00 03 'a/b' 03 21 00 01 'hi'"),
    malformed("v5-publish-property-cut-off", V5, "30 09  00 03 'a/b' 02 02 00 'h'"),
    malformed("v5-publish-user-property-with-nul", V5, "30 0f  00 03 'a/b' 07 26 00 01 00 00 01 'v' 'hi'"),
];
