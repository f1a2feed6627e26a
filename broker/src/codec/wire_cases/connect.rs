//! CONNECT and CONNACK.

use bytes::Bytes;
use longwave_model::ErrorCode;

use super::super::packet::Version::{V5, V311};
use super::super::packet::{ConnAck, Connect, Packet, PublishProperties, Qos, Version, Will};
use super::{WireCase, invalid, malformed, protocol_error, valid};

fn plain(version: Version) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_id: "c1".into(),
        user_name: None,
        password: None,
        will: None,
        session_expiry: None,
        receive_maximum: None,
        maximum_packet_size: None,
        topic_alias_maximum: 0,
        request_response_information: false,
        request_problem_information: true,
        auth_method: None,
        auth_data: None,
        user_properties: Vec::new(),
    }
}

fn connect(connect: Connect) -> Packet {
    Packet::Connect(Box::new(connect))
}

fn will() -> Will {
    Will {
        topic: "w/t".into(),
        payload: Bytes::from_static(b"gone"),
        qos: Qos::AtLeastOnce,
        retain: true,
        delay: 0,
        properties: PublishProperties::default(),
    }
}

pub(super) const CASES: &[WireCase] = &[
    valid("v3-connect", V311, "10 0e  00 04 'MQTT' 04 02 00 3c  00 02 'c1'", || connect(plain(V311))),
    protocol_error("v3-connect-of-3.1", V311, "10 10  00 06 'MQIsdp' 03 02 00 3c  00 02 'c1'"),
    valid("v3-connect-login", V311, "10 1b  00 04 'MQTT' 04 c0 00 00  00 02 'c1'  00 05 'alice' 00 04 'pass'", || {
        connect(Connect {
            clean_start: false,
            keep_alive: 0,
            user_name: Some("alice".into()),
            password: Some(Bytes::from_static(b"pass")),
            ..plain(V311)
        })
    }),
    valid("v3-connect-will", V311, "10 19  00 04 'MQTT' 04 2e 00 3c  00 02 'c1'  00 03 'w/t' 00 04 'gone'", || {
        connect(Connect { will: Some(will()), ..plain(V311) })
    }),
    valid("v3-connect-no-id-clean", V311, "10 0c  00 04 'MQTT' 04 02 00 3c  00 00", || {
        connect(Connect { client_id: String::new(), ..plain(V311) })
    }),
    valid("v3-connect-no-id-kept", V311, "10 0c  00 04 'MQTT' 04 00 00 3c  00 00", || {
        connect(Connect { client_id: String::new(), clean_start: false, ..plain(V311) })
    }),
    valid("v5-connect", V5, "10 0f  00 04 'MQTT' 05 02 00 3c 00  00 02 'c1'", || connect(plain(V5))),
    valid("v5-connect-no-id-kept", V5, "10 0d  00 04 'MQTT' 05 00 00 3c 00  00 00", || {
        connect(Connect { client_id: String::new(), clean_start: false, ..plain(V5) })
    }),
    valid("v5-connect-password-alone", V5, "10 15  00 04 'MQTT' 05 42 00 3c 00  00 02 'c1' 00 04 'pass'", || {
        connect(Connect { password: Some(Bytes::from_static(b"pass")), ..plain(V5) })
    }),
    valid(
        "v5-connect-every-property",
        V5,
        "10 3e  00 04 'MQTT' 05 00 00 3c
         2f 11 00 01 51 80  ; session expiry 86400
         21 00 0a           ; receive maximum 10
         27 00 00 10 00     ; maximum packet size 4096
         22 00 05           ; topic alias maximum
         19 01 17 00        ; response information wanted, problem information not
         15 00 05 'SCRAM' 16 00 02 ff 00
         26 00 01 'k' 00 01 'v' 26 00 01 'k' 00 01 'v'
         00 02 'c1'",
        || {
            connect(Connect {
                clean_start: false,
                session_expiry: Some(86_400),
                receive_maximum: Some(10),
                maximum_packet_size: Some(4_096),
                topic_alias_maximum: 5,
                request_response_information: true,
                request_problem_information: false,
                auth_method: Some("SCRAM".into()),
                auth_data: Some(Bytes::from_static(b"\xff\0")),
                user_properties: vec![("k".into(), "v".into()), ("k".into(), "v".into())],
                ..plain(V5)
            })
        },
    ),
    valid(
        "v5-connect-will-every-property",
        V5,
        "10 3e  00 04 'MQTT' 05 2e 00 3c 00  00 02 'c1'
         23 18 00 00 00 1e  ; will delay 30
         01 01 02 00 00 00 0a
         08 00 01 'r' 09 00 02 01 02
         03 00 04 'text'
         26 00 01 'k' 00 01 'v'
         00 03 'w/t' 00 04 'gone'",
        || {
            let properties = PublishProperties {
                utf8_payload: Some(true),
                message_expiry: Some(10),
                response_topic: Some("r".into()),
                correlation_data: Some(Bytes::from_static(&[1, 2])),
                user_properties: vec![("k".into(), "v".into())],
                content_type: Some("text".into()),
                ..PublishProperties::default()
            };
            connect(Connect { will: Some(Will { delay: 30, properties, ..will() }), ..plain(V5) })
        },
    ),
    protocol_error("v3-connect-second-with-other-version", V311, "10 0f  00 04 'MQTT' 05 02 00 3c 00  00 02 'c1'"),
    protocol_error("v5-connect-wrong-name", V5, "10 0f  00 04 'MQXX' 05 02 00 3c 00  00 02 'c1'"),
    malformed("v3-connect-flags-in-header", V311, "11 0e  00 04 'MQTT' 04 02 00 3c  00 02 'c1'"),
    malformed("v3-connect-reserved-flag", V311, "10 0e  00 04 'MQTT' 04 03 00 3c  00 02 'c1'"),
    malformed("v3-connect-bytes-behind", V311, "10 0f  00 04 'MQTT' 04 02 00 3c  00 02 'c1' 00"),
    malformed("v5-connect-bytes-behind", V5, "10 10  00 04 'MQTT' 05 02 00 3c 00  00 02 'c1' 00"),
    malformed("v3-connect-cut-off", V311, "10 0d  00 04 'MQTT' 04 02 00 3c  00 02 'c'"),
    malformed("v3-connect-nothing", V311, "10 00"),
    malformed("v3-connect-password-alone", V311, "10 14  00 04 'MQTT' 04 42 00 3c  00 02 'c1' 00 04 'pass'"),
    malformed("v3-connect-will-qos-without-will", V311, "10 0e  00 04 'MQTT' 04 0a 00 3c  00 02 'c1'"),
    malformed("v5-connect-will-qos-without-will", V5, "10 0f  00 04 'MQTT' 05 0a 00 3c 00  00 02 'c1'"),
    malformed("v5-connect-will-retain-without-will", V5, "10 0f  00 04 'MQTT' 05 22 00 3c 00  00 02 'c1'"),
    malformed("v3-connect-will-qos-3", V311, "10 19  00 04 'MQTT' 04 1e 00 3c  00 02 'c1'  00 03 'w/t' 00 04 'gone'"),
    malformed(
        "v3-connect-will-topic-wildcard",
        V311,
        "10 19  00 04 'MQTT' 04 0e 00 3c  00 02 'c1'  00 03 'w/+' 00 04 'gone'",
    ),
    malformed("v3-connect-will-topic-empty", V311, "10 16  00 04 'MQTT' 04 0e 00 3c  00 02 'c1'  00 00 00 04 'gone'"),
    malformed("v3-connect-user-name-not-utf8", V311, "10 12  00 04 'MQTT' 04 82 00 3c  00 02 'c1'  00 02 ff fe"),
    malformed("v3-connect-client-id-with-nul", V311, "10 0e  00 04 'MQTT' 04 02 00 3c  00 02 'c' 00"),
    malformed("v3-connect-client-id-surrogate", V311, "10 0f  00 04 'MQTT' 04 02 00 3c  00 03 ed a0 80"),
    malformed("v5-connect-property-of-publish", V5, "10 14  00 04 'MQTT' 05 02 00 3c 05 02 00 00 00 0a  00 02 'c1'"),
    malformed("v5-connect-unknown-property", V5, "10 11  00 04 'MQTT' 05 02 00 3c 02 7e 00  00 02 'c1'"),
    malformed("v5-connect-properties-too-long", V5, "10 0f  00 04 'MQTT' 05 02 00 3c 7f  00 02 'c1'"),
    malformed("v5-connect-property-length-overlong", V5, "10 10  00 04 'MQTT' 05 02 00 3c 80 00  00 02 'c1'"),
    protocol_error("v5-connect-receive-maximum-0", V5, "10 12  00 04 'MQTT' 05 02 00 3c 03 21 00 00  00 02 'c1'"),
    protocol_error(
        "v5-connect-maximum-packet-size-0",
        V5,
        "10 14  00 04 'MQTT' 05 02 00 3c 05 27 00 00 00 00  00 02 'c1'",
    ),
    protocol_error("v5-connect-property-twice", V5, "10 15  00 04 'MQTT' 05 02 00 3c 06 21 00 01 21 00 01  00 02 'c1'"),
    protocol_error("v5-connect-problem-information-2", V5, "10 11  00 04 'MQTT' 05 02 00 3c 02 17 02  00 02 'c1'"),
    protocol_error(
        "v5-connect-auth-data-without-method",
        V5,
        "10 13  00 04 'MQTT' 05 02 00 3c 04 16 00 01 'x'  00 02 'c1'",
    ),
    invalid("v3-connect-too-large", V311, "10 ff ff 7f", 0x95, ErrorCode::PacketTooLarge),
    malformed("v3-connect-length-of-five-bytes", V311, "10 ff ff ff ff 01"),
    malformed("v3-connect-length-overlong", V311, "10 8e 00  00 04 'MQTT' 04 02 00 3c  00 02 'c1'"),
    valid("v3-connack", V311, "20 02 01 00", || {
        Packet::ConnAck(Box::new(ConnAck { session_present: true, ..ConnAck::default() }))
    }),
    valid("v3-connack-bad-login", V311, "20 02 00 04", || {
        Packet::ConnAck(Box::new(ConnAck { reason: 0x86, ..ConnAck::default() }))
    }),
    valid(
        "v5-connack-every-property",
        V5,
        "20 3f 01 00
         3c 11 00 00 00 0a 21 00 64 24 01 25 00
         27 00 04 00 00     ; maximum packet size 262144
         12 00 02 'id' 22 00 10 1f 00 02 'ok'
         28 00 29 00 2a 00 13 07 08 1a 00 04 'info'
         26 00 05 'error' 00 04 '1001'",
        || {
            Packet::ConnAck(Box::new(ConnAck {
                session_present: true,
                reason: 0,
                session_expiry: Some(10),
                receive_maximum: Some(100),
                maximum_qos: Some(1),
                retain_available: Some(false),
                maximum_packet_size: Some(262_144),
                assigned_client_id: Some("id".into()),
                topic_alias_maximum: 16,
                reason_string: Some("ok".into()),
                wildcard_available: Some(false),
                subscription_ids_available: Some(false),
                shared_available: Some(false),
                server_keep_alive: Some(1_800),
                response_information: Some("info".into()),
                user_properties: vec![("error".into(), "1001".into())],
            }))
        },
    ),
    malformed("v3-connack-reserved-code", V311, "20 02 01 06"),
    malformed("v3-connack-bytes-behind", V311, "20 03 00 00 00"),
    malformed("v5-connack-reserved-flags", V5, "20 03 02 00 00"),
];
