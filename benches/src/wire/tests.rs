//! Packets split at every byte, golden bytes from the standard's layout, and arbitrary input.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::*;

/// Name, version, bytes and the packet they mean.
fn cases() -> Vec<(&'static str, Version, Vec<u8>, Packet<'static>)> {
    let ack =
        |session_present, code, receive_maximum| Packet::ConnAck(ConnAck { session_present, code, receive_maximum });
    let message =
        |packet_id, dup, body| Packet::Publish(Publish { topic: b"a/b", packet_id, exactly_once: false, dup, body });
    vec![
        ("connack 3.1.1", Version::V4, vec![0x20, 2, 1, 0], ack(true, 0, u16::MAX)),
        ("connack 3.1.1 refused", Version::V4, vec![0x20, 2, 0, 5], ack(false, 5, u16::MAX)),
        ("connack 5.0 bare", Version::V5, vec![0x20, 3, 0, 0, 0], ack(false, 0, u16::MAX)),
        (
            "connack 5.0 with properties of every size",
            Version::V5,
            [
                &[0x20, 38, 0, 0, 35, 0x24, 1, 0x26, 0, 1, b'k', 0, 2, b'v', b'v', 0x12, 0, 3, b'a', b'b', b'c'][..],
                &[0x21, 0, 20, 0x27, 0, 1, 0, 0, 0x13, 0, 60, 0x11, 0, 0, 0, 9, 0x22, 0, 10],
            ]
            .concat(),
            ack(false, 0, 20),
        ),
        ("suback 3.1.1", Version::V4, vec![0x90, 3, 0, 7, 1], Packet::SubAck(7, 1)),
        ("suback 5.0 refused", Version::V5, vec![0x90, 4, 1, 0, 0, 0x87], Packet::SubAck(256, 0x87)),
        ("puback", Version::V4, vec![0x40, 2, 0xFF, 0xFE], Packet::PubAck(0xFFFE, 0)),
        ("puback 5.0 refused", Version::V5, vec![0x40, 3, 0, 1, 0x97], Packet::PubAck(1, 0x97)),
        (
            "puback 5.0 with a user property",
            Version::V5,
            vec![0x40, 12, 0, 1, 0, 8, 0x26, 0, 1, b's', 0, 2, b'4', b'2'],
            Packet::PubAck(1, 0),
        ),
        ("publish qos 0", Version::V4, vec![0x30, 6, 0, 3, b'a', b'/', b'b', b'x'], message(None, false, b"x")),
        (
            "publish qos 1 dup",
            Version::V4,
            vec![0x3A, 8, 0, 3, b'a', b'/', b'b', 1, 2, b'x'],
            message(Some(258), true, b"x"),
        ),
        (
            "publish 5.0 with a property",
            Version::V5,
            vec![0x32, 11, 0, 3, b'a', b'/', b'b', 0, 1, 2, 0x01, 1, b'y'],
            message(Some(1), false, b"y"),
        ),
        (
            "publish with an empty body",
            Version::V5,
            vec![0x32, 8, 0, 3, b'a', b'/', b'b', 0, 1, 0],
            message(Some(1), false, b""),
        ),
        ("pingresp", Version::V4, vec![0xD0, 0], Packet::PingResp),
        ("disconnect 5.0", Version::V5, vec![0xE0, 1, 0x8E], Packet::Disconnect(0x8E)),
        ("disconnect 5.0 without a code", Version::V5, vec![0xE0, 0], Packet::Disconnect(0)),
    ]
}

#[test]
fn every_packet_is_read_whole_and_waits_when_split_at_any_byte() {
    for (name, version, bytes, expected) in cases() {
        for cut in 0..bytes.len() {
            assert_eq!(next_packet(version, &bytes[..cut]), Ok(None), "{name} cut at {cut}");
        }
        assert_eq!(next_packet(version, &bytes), Ok(Some((expected, bytes.len()))), "{name}");
        let followed = [&bytes[..], &[0xD0, 0]].concat();
        assert_eq!(next_packet(version, &followed), Ok(Some((expected, bytes.len()))), "{name} followed by another");
    }
}

#[test]
fn what_a_server_may_not_send_is_an_error() {
    let cases: [(&str, Version, &[u8], Malformed); 9] = [
        ("length of five bytes", Version::V4, &[0x30, 0xFF, 0xFF, 0xFF, 0xFF], Malformed::Length),
        ("connect from a server", Version::V4, &[0x10, 0], Malformed::Type(1)),
        ("disconnect in 3.1.1", Version::V4, &[0xE0, 0], Malformed::Type(14)),
        ("short puback", Version::V4, &[0x40, 1, 0], Malformed::Short(4)),
        ("topic longer than the packet", Version::V4, &[0x30, 3, 0, 9, b'a'], Malformed::Short(3)),
        ("qos 3", Version::V4, &[0x36, 5, 0, 1, b'a', 0, 1], Malformed::Qos(3)),
        ("suback without a code", Version::V5, &[0x90, 3, 0, 1, 0], Malformed::Short(9)),
        ("unknown connack property", Version::V5, &[0x20, 5, 0, 0, 2, 0x7E, 0], Malformed::Property(0x7E)),
        ("properties longer than the packet", Version::V5, &[0x32, 6, 0, 1, b'a', 0, 1, 9], Malformed::Short(3)),
    ];
    for (name, version, bytes, expected) in cases {
        assert_eq!(next_packet(version, bytes), Err(expected), "{name}");
    }
}

#[test]
fn connect_has_the_standards_layout() {
    let mut connect = Connect {
        version: Version::V4,
        client_id: "d",
        username: Some("u"),
        password: None,
        clean: true,
        expiry: 9,
        keep_alive: 60,
        receive_maximum: Some(7),
    };
    let mut out = Vec::new();
    connect.write(&mut out);
    assert_eq!(out, [0x10, 16, 0, 4, b'M', b'Q', b'T', b'T', 4, 0x82, 0, 60, 0, 1, b'd', 0, 1, b'u']);

    connect.version = Version::V5;
    connect.clean = false;
    connect.password = Some("p");
    out.clear();
    connect.write(&mut out);
    let expected = [
        &[0x10, 28, 0, 4, b'M', b'Q', b'T', b'T', 5, 0xC0, 0, 60, 8, 0x11, 0, 0, 0, 9, 0x21, 0, 7][..],
        &[0, 1, b'd', 0, 1, b'u', 0, 1, b'p'],
    ]
    .concat();
    assert_eq!(out, expected);
}

#[test]
fn subscribe_puback_and_disconnect_have_the_standards_layout() {
    let mut out = Vec::new();
    write_subscribe(&mut out, Version::V4, 1, "a/+", 1);
    assert_eq!(out, [0x82, 8, 0, 1, 0, 3, b'a', b'/', b'+', 1]);
    out.clear();
    write_subscribe(&mut out, Version::V5, 1, "a/+", 1);
    assert_eq!(out, [0x82, 9, 0, 1, 0, 0, 3, b'a', b'/', b'+', 1]);
    out.clear();
    write_puback(&mut out, 0x0102);
    write_disconnect(&mut out);
    assert_eq!(out, [0x40, 2, 1, 2, 0xE0, 0]);
}

#[test]
fn a_single_publish_is_what_a_template_makes_and_qos_0_has_no_packet_id() {
    for version in [Version::V4, Version::V5] {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        PublishTemplate::new(version, "a/b", b"body").write(&mut one, 7, &[]);
        write_publish(&mut other, version, "a/b", Some(7), b"body");
        assert_eq!(one, other);
    }
    let mut out = Vec::new();
    write_publish(&mut out, Version::V5, "t", None, b"x");
    assert_eq!(out, [0x30, 5, 0, 1, b't', 0, b'x']);
}

#[test]
fn a_length_takes_as_many_bytes_as_it_needs() {
    for (size, expected) in [(127, vec![0x7F]), (128, vec![0x80, 0x01]), (16_384, vec![0x80, 0x80, 0x01])] {
        let mut out = Vec::new();
        let body = vec![0; size - 2 - 1 - 2];
        PublishTemplate::new(Version::V4, "t", &body).write(&mut out, 1, &[]);
        assert_eq!(out[1..=expected.len()], expected, "remaining length {size}");
        assert_eq!(out.len(), 1 + expected.len() + size);
    }
}

proptest! {
    #[test]
    fn a_template_reads_back_as_what_was_patched_into_it(
        five: bool, topic in "[a-z/@]{1,80}", size in 24_usize..400, packet_id in 1_u16.., head: [u8; 24]
    ) {
        let version = if five { Version::V5 } else { Version::V4 };
        let template = PublishTemplate::new(version, &topic, &vec![7; size]);
        let mut out = vec![0xAA];
        template.write(&mut out, packet_id, &head);
        let (packet, taken) = next_packet(version, &out[1..]).unwrap().unwrap();
        let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
        prop_assert_eq!(taken, out.len() - 1);
        prop_assert_eq!(publish.topic, topic.as_bytes());
        prop_assert_eq!(publish.packet_id, Some(packet_id));
        prop_assert_eq!(&publish.body[..24], &head[..]);
        prop_assert!(publish.body[24..].iter().all(|byte| *byte == 7));
        prop_assert_eq!(publish.body.len(), size);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_take_more_than_there_is(five: bool, bytes: Vec<u8>) {
        let version = if five { Version::V5 } else { Version::V4 };
        if let Ok(Some((_, taken))) = next_packet(version, &bytes) {
            prop_assert!(taken >= 2 && taken <= bytes.len());
        }
    }
}
