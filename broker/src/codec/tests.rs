//! All wire cases, whole and split; packets made at random; what the fast encoders have in common with the general one.

mod made;
mod outgoing;
mod seeds;
mod sniffing;

use bytes::{Buf, BytesMut};

use super::packet::{Packet, Version};
use super::wire_cases::{self, Expected, WireCase};
use super::{DecodeError, Decoder, encode, encoded_len};

const LIMIT: usize = 1024 * 1024;

fn decode(bytes: &[u8], version: Version) -> Result<Option<Packet>, DecodeError> {
    let mut buffer = BytesMut::from(bytes);
    let decoded = Decoder::new(version, LIMIT).decode(&mut buffer)?;
    assert!(decoded.is_none() || buffer.is_empty(), "bytes are left over");
    Ok(decoded)
}

fn check(case: &WireCase, decoded: Result<Option<Packet>, DecodeError>) {
    match &case.expected {
        Expected::Packet(packet) => assert_eq!(decoded, Ok(Some(packet())), "{}", case.name),
        Expected::Error(reason, code) => match decoded {
            Err(error) => assert_eq!((error.reason, error.code), (*reason, *code), "{}: {}", case.name, error.text),
            other => panic!("{}: expected an error, got {other:?}", case.name),
        },
    }
}

#[test]
fn wire_cases_decode_as_expected() {
    for case in wire_cases::all() {
        check(case, decode(&case.bytes(), case.version));
    }
}

#[test]
fn wire_cases_split_at_every_byte_decode_the_same() {
    for case in wire_cases::all() {
        let bytes = case.bytes();
        for split in 0..bytes.len() {
            let mut decoder = Decoder::new(case.version, LIMIT);
            let mut buffer = BytesMut::from(&bytes[..split]);
            match decoder.decode(&mut buffer) {
                Ok(None) => {
                    assert_eq!(buffer.len(), split, "{}: something was taken from an incomplete packet", case.name);
                    buffer.extend_from_slice(&bytes[split..]);
                    check(case, decoder.decode(&mut buffer));
                }
                // A header may be wrong before its packet is complete, but a valid packet is never found early.
                early => check(case, early),
            }
        }
    }
}

#[test]
fn valid_wire_cases_survive_encoding() {
    for case in wire_cases::all() {
        // 3.1 is answered as 3.1.1, and properties may come in any order.
        if case.name == "v3-connect-of-3.1" {
            continue;
        }
        let Expected::Packet(packet) = &case.expected else { continue };
        let packet = packet();
        let mut bytes = BytesMut::new();
        encode(&packet, case.version, &mut bytes).unwrap();
        assert_eq!(bytes.len(), encoded_len(&packet, case.version), "{}", case.name);
        assert_eq!(bytes.len(), case.bytes().len(), "{}", case.name);
        assert_eq!(decode(&bytes, case.version), Ok(Some(packet)), "{}", case.name);
    }
}

#[test]
fn packets_in_one_buffer_come_out_one_by_one() {
    let mut buffer = BytesMut::new();
    for name in ["v5-publish-qos-1", "v5-puback", "v5-pingreq"] {
        buffer.extend_from_slice(&wire_cases::named(name).bytes());
    }
    let mut decoder = Decoder::new(Version::V5, LIMIT);
    let mut taken = 0;
    while let Some(packet) = decoder.decode(&mut buffer).unwrap() {
        taken += 1;
        if let Packet::Publish(publish) = packet {
            // The buffer can be reused at once, because nothing refers to it.
            assert!(publish.payload.is_unique());
        }
    }
    assert_eq!((taken, buffer.remaining()), (3, 0));
}

#[test]
fn the_limit_counts_the_whole_packet() {
    let bytes = wire_cases::named("v3-publish-qos-0").bytes();
    let mut buffer = BytesMut::from(&bytes[..2]);
    let error = Decoder::new(Version::V311, bytes.len() - 1).decode(&mut buffer).unwrap_err();
    assert_eq!((error.reason, error.version), (0x95, Some(Version::V311)));
    assert_eq!(Decoder::new(Version::V311, bytes.len()).decode(&mut buffer), Ok(None));
}

#[test]
fn return_codes_of_3_1_1_stand_for_reasons_of_5_0() {
    for (reason, code) in [(0, 0), (0x84, 1), (0x85, 2), (0x88, 3), (0x86, 4), (0x87, 5), (0x8c, 5), (0x82, 3)] {
        let mut bytes = BytesMut::new();
        let connack = super::packet::ConnAck { reason, ..Default::default() };
        encode(&Packet::ConnAck(Box::new(connack)), Version::V311, &mut bytes).unwrap();
        assert_eq!(bytes[..], [0x20, 2, 0, code]);
    }
}

#[test]
fn names_of_wire_cases_are_unique() {
    let mut names: Vec<_> = wire_cases::all().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count > 150, "the table has only {count} cases");
}
