//! The fast encoders say the same as the general one.

use bytes::{Bytes, BytesMut};
use longwave_model::Seq;
use longwave_port::DeliveryProperties;
use smallvec::smallvec;

use super::super::outgoing::RECEIPT_MAX;
use super::super::packet::{Ack, Packet, Publish, PublishProperties, Qos, Version};
use super::super::{Outgoing, Receipt, encode_outgoing, encode_receipt, outgoing_len};
use super::decode;

fn bare() -> Outgoing {
    Outgoing {
        topic: "u/bob/c/@alice/json".into(),
        topic_known: false,
        alias: 0,
        packet_id: Some(5),
        exactly_once: false,
        dup: false,
        retain: false,
        subscription_ids: smallvec![],
        properties: None,
        payload: Bytes::from_static(b"hello"),
    }
}

fn decoded(outgoing: &Outgoing, version: Version) -> Publish {
    let mut bytes = BytesMut::new();
    encode_outgoing(outgoing, version, &mut bytes).unwrap();
    assert_eq!(bytes.len(), outgoing_len(outgoing, version));
    match decode(&bytes, version) {
        Ok(Some(Packet::Publish(publish))) => *publish,
        other => panic!("{other:?}"),
    }
}

#[test]
fn deliveries_have_their_fields() {
    for version in [Version::V311, Version::V5] {
        let publish = decoded(&bare(), version);
        assert_eq!((publish.qos, publish.packet_id, publish.dup), (Qos::AtLeastOnce, Some(5), false));
        assert_eq!((&*publish.topic, &publish.payload[..]), ("u/bob/c/@alice/json", &b"hello"[..]));
        assert_eq!(publish.properties, PublishProperties::default());
        let repeated = decoded(&Outgoing { dup: true, ..bare() }, version);
        assert!(repeated.dup);
        let once = decoded(&Outgoing { packet_id: None, ..bare() }, version);
        assert_eq!((once.qos, once.packet_id, once.retain), (Qos::AtMostOnce, None, false));
        let exactly = decoded(&Outgoing { exactly_once: true, retain: true, ..bare() }, version);
        assert_eq!((exactly.qos, exactly.packet_id, exactly.retain), (Qos::ExactlyOnce, Some(5), true));
    }
}

#[test]
fn deliveries_on_5_0_have_their_properties() {
    let properties = DeliveryProperties {
        content_type: Some("text/plain".into()),
        correlation_data: Some(Bytes::from_static(&[0, 255])),
        response_topic: Some("to/me".into()),
        expiry_seconds: Some(0),
        utf8_payload: Some(true),
        user_properties: vec![("a".into(), "b".into()), ("a".into(), String::new())],
    };
    let outgoing = Outgoing {
        topic_known: true,
        alias: 3,
        subscription_ids: smallvec![1, 268_435_455],
        properties: Some(Box::new(properties)),
        ..bare()
    };
    let publish = decoded(&outgoing, Version::V5);
    assert_eq!(&*publish.topic, "");
    assert_eq!(
        publish.properties,
        PublishProperties {
            topic_alias: Some(3),
            subscription_ids: vec![1, 268_435_455],
            content_type: Some("text/plain".into()),
            correlation_data: Some(Bytes::from_static(&[0, 255])),
            response_topic: Some("to/me".into()),
            message_expiry: Some(0),
            utf8_payload: Some(true),
            user_properties: vec![("a".into(), "b".into()), ("a".into(), String::new())],
        }
    );
}

#[test]
fn receipts_say_seq_and_ts_where_they_may() {
    for (seq, ts) in [(0, 0), (1, 1_700_000_000_000), (u64::MAX, u64::MAX)] {
        for exactly_once in [false, true] {
            let receipt = Receipt { exactly_once, packet_id: 258, stored: Some((Seq(seq), ts)) };
            let mut bytes = BytesMut::new();
            encode_receipt(&receipt, Version::V5, &mut bytes);
            assert!(bytes.len() <= RECEIPT_MAX);
            let ack = Ack {
                packet_id: 258,
                user_properties: vec![("seq".into(), seq.to_string()), ("ts".into(), ts.to_string())],
                ..Ack::default()
            };
            let expected = if exactly_once { Packet::PubRec(ack) } else { Packet::PubAck(ack) };
            assert_eq!(decode(&bytes, Version::V5), Ok(Some(expected)));
            let mut bytes = BytesMut::new();
            encode_receipt(&receipt, Version::V311, &mut bytes);
            assert_eq!(bytes[..], [if exactly_once { 0x50 } else { 0x40 }, 2, 1, 2]);
        }
    }
    let mut bytes = BytesMut::new();
    encode_receipt(
        &Receipt { exactly_once: false, packet_id: 1, stored: Some((Seq(u64::MAX), u64::MAX)) },
        Version::V5,
        &mut bytes,
    );
    assert_eq!(bytes.len(), RECEIPT_MAX);
}
