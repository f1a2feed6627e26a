//! Packets made at random survive encoding and decoding, and bytes made at random are never a reason to panic.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::packet::{Ack, Packet, Publish, PublishProperties, Qos, Subscribe, SubscribeFilter, Version};
use super::super::{Decoder, encode, encoded_len, wire_cases};
use super::{LIMIT, decode};

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V311), Just(Version::V5)]
}

fn qos() -> impl Strategy<Value = Qos> {
    prop_oneof![Just(Qos::AtMostOnce), Just(Qos::AtLeastOnce), Just(Qos::ExactlyOnce)]
}

fn text() -> impl Strategy<Value = String> {
    "[a-zé€😀 ]{0,200}"
}

fn users() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((text(), text()), 0..3)
}

prop_compose! {
    fn properties()(
        utf8_payload in option::of(any::<bool>()),
        message_expiry in option::of(any::<u32>()),
        topic_alias in option::of(1..=u16::MAX),
        response_topic in option::of("[a-z/]{1,20}"),
        correlation_data in option::of(vec(any::<u8>(), 0..300).prop_map(Bytes::from)),
        user_properties in users(),
        subscription_ids in vec(1..=268_435_455_u32, 0..3),
        content_type in option::of(text()),
    ) -> PublishProperties {
        PublishProperties {
            utf8_payload, message_expiry, topic_alias, response_topic, correlation_data, user_properties, subscription_ids, content_type,
        }
    }
}

prop_compose! {
    fn publish(version: Version)(
        dup in any::<bool>(),
        qos in qos(),
        retain in any::<bool>(),
        topic in "[a-zé/$]{1,40}",
        packet_id in 1..=u16::MAX,
        properties in properties(),
        payload in vec(any::<u8>(), 0..20_000).prop_map(Bytes::from),
    ) -> Packet {
        let at_most_once = qos == Qos::AtMostOnce;
        Packet::Publish(Box::new(Publish {
            dup: dup && !at_most_once,
            qos,
            retain,
            topic: topic.into(),
            packet_id: (!at_most_once).then_some(packet_id),
            properties: if version == Version::V5 { properties } else { PublishProperties::default() },
            payload,
        }))
    }
}

fn others(version: Version) -> impl Strategy<Value = Packet> {
    let v5 = version == Version::V5;
    let kinds = [Packet::PubAck, Packet::PubRec, Packet::PubRel, Packet::PubComp];
    let ack = (0..kinds.len(), 1..=u16::MAX, option::of(text()), users()).prop_map(
        move |(kind, packet_id, reason_string, user_properties)| {
            let plain = Ack { packet_id, ..Ack::default() };
            kinds[kind](if v5 { Ack { reason_string, user_properties, ..plain } } else { plain })
        },
    );
    let filter = ("(\\$share/g/)?([a-z]{0,5}/)?(\\+/)?(#|[a-z]{1,5})", qos(), any::<bool>(), 0..3_u8).prop_map(
        move |(filter, qos, flag, retain_handling)| SubscribeFilter {
            no_local: v5 && flag && !filter.starts_with("$share/"),
            filter,
            qos,
            retain_as_published: v5 && flag,
            retain_handling: if v5 { retain_handling } else { 0 },
        },
    );
    let subscribe = (1..=u16::MAX, option::of(1..=268_435_455_u32), vec(filter, 1..6), users()).prop_map(
        move |(packet_id, identifier, filters, users)| {
            let (identifier, user_properties) = if v5 { (identifier, users) } else { (None, Vec::new()) };
            Packet::Subscribe(Box::new(Subscribe { packet_id, identifier, filters, user_properties }))
        },
    );
    prop_oneof![ack, subscribe]
}

proptest! {
    #[test]
    fn packets_survive((version, packet) in version().prop_flat_map(|version| (Just(version), prop_oneof![publish(version), others(version)]))) {
        let mut bytes = BytesMut::new();
        encode(&packet, version, &mut bytes).unwrap();
        prop_assert_eq!(bytes.len(), encoded_len(&packet, version));
        prop_assert_eq!(decode(&bytes, version), Ok(Some(packet)));
    }

    #[test]
    fn mutated_wire_cases_never_panic(index in any::<prop::sample::Index>(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let cases: Vec<_> = wire_cases::all().collect();
        let case = index.get(&cases);
        let mut bytes = case.bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut buffer = BytesMut::from(&bytes[..]);
        let mut decoder = Decoder::new(case.version, LIMIT);
        while let Ok(Some(packet)) = decoder.decode(&mut buffer) {
            // Whatever is taken for valid can be written, and is read as the same.
            let mut again = BytesMut::new();
            encode(&packet, case.version, &mut again).unwrap();
            prop_assert_eq!(decode(&again, case.version), Ok(Some(packet)));
        }
    }
}
