//! Packets byte by byte, valid and malformed, each with a name. Tests of codec and session run them all, and the fuzz targets start
//! from them (`fuzz/seeds`).
//!
//! Wire text: pairs of hex digits, 'text' in quotes, and comments from `;` to the end of the line.

mod acknowledge;
mod connect;
mod end;
mod publish;
mod subscribe;

use longwave_model::ErrorCode;

use super::packet::{Packet, Version};

/// One packet on the wire.
pub(crate) struct WireCase {
    /// Unique; also the name of its seed file.
    pub(crate) name: &'static str,
    /// Version of the connection.
    pub(crate) version: Version,
    wire: &'static str,
    /// What it decodes to.
    pub(crate) expected: Expected,
}

/// What a case decodes to.
pub(crate) enum Expected {
    /// This packet.
    Packet(fn() -> Packet),
    /// This reason and number.
    Error(u8, ErrorCode),
}

const fn valid(name: &'static str, version: Version, wire: &'static str, packet: fn() -> Packet) -> WireCase {
    WireCase { name, version, wire, expected: Expected::Packet(packet) }
}

const fn invalid(name: &'static str, version: Version, wire: &'static str, reason: u8, code: ErrorCode) -> WireCase {
    WireCase { name, version, wire, expected: Expected::Error(reason, code) }
}

const fn malformed(name: &'static str, version: Version, wire: &'static str) -> WireCase {
    invalid(name, version, wire, 0x81, ErrorCode::MalformedPacket)
}

const fn protocol_error(name: &'static str, version: Version, wire: &'static str) -> WireCase {
    invalid(name, version, wire, 0x82, ErrorCode::ProtocolError)
}

impl WireCase {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in self.wire.lines() {
            let mut rest = line;
            while let Some(c) = rest.chars().next() {
                match c {
                    ';' => break,
                    ' ' => rest = &rest[1..],
                    '\'' => {
                        let (text, after) = rest[1..].split_once('\'').unwrap();
                        bytes.extend_from_slice(text.as_bytes());
                        rest = after;
                    }
                    _ => {
                        bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                        rest = &rest[2..];
                    }
                }
            }
        }
        bytes
    }
}

/// All cases.
pub(crate) fn all() -> impl Iterator<Item = &'static WireCase> {
    connect::CASES.iter().chain(publish::CASES).chain(acknowledge::CASES).chain(subscribe::CASES).chain(end::CASES)
}

/// The case of this name.
pub(crate) fn named(name: &str) -> &'static WireCase {
    all().find(|case| case.name == name).unwrap()
}
