//! The version sniff.

use longwave_model::ErrorCode;

use super::super::packet::Version;
use super::super::{sniff, wire_cases};

#[test]
fn the_version_shows_once_the_level_has_come() {
    for (name, version, needed) in [("v3-connect", Version::V311, 9), ("v5-connect", Version::V5, 9)] {
        let bytes = wire_cases::named(name).bytes();
        for length in 0..=bytes.len() {
            assert_eq!(sniff(&bytes[..length], 1024), Ok((length >= needed).then_some(version)), "{name} at {length}");
        }
    }
}

#[test]
fn what_is_no_connect_is_refused_at_its_first_byte() {
    for bytes in [&b"GET / HTTP/1.1"[..], &[0x16, 3, 1], &[0x30, 0], &[0x11], &[0xc0, 0]] {
        let error = sniff(bytes, 1024).unwrap_err();
        assert_eq!((error.reason, error.code), (0x82, ErrorCode::ConnectExpected));
    }
}

#[test]
fn other_protocols_and_levels_are_unsupported() {
    for bytes in [
        &b"\x10\x0e\0\x04MQTT\x06\x02\0\x3c"[..],
        b"\x10\x0e\0\x04MQTT\x03\x02\0\x3c",
        b"\x10\x0e\0\x04MQTT\x84\x02\0\x3c",
        b"\x10\x0e\0\x06MQIsdp\x03\x02\0\x3c",
        b"\x10\x0e\0\x06MQIsdp\x04\x02\0\x3c",
        b"\x10\x0e\0\x04MQXX\x04\x02\0\x3c",
        b"\x10\x0e\0\x05MQTTS",
        b"\x10\x0e\xff\xff",
    ] {
        assert_eq!(sniff(bytes, 1024).unwrap_err().reason, 0x84, "{bytes:?}");
    }
}

#[test]
fn large_and_broken_headers_are_refused_early() {
    assert_eq!(sniff(b"\x10\x80\x10", 1024).unwrap_err().reason, 0x95);
    assert_eq!(sniff(b"\x10\xff\xff\xff\xff", 1024).unwrap_err().reason, 0x81);
    assert_eq!(sniff(b"\x10\x00", 1024).unwrap_err().reason, 0x81);
    assert_eq!(sniff(b"\x10\x06\0\x04MQTT", 1024).unwrap_err().reason, 0x81);
}
