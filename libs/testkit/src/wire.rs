//! MQTT packets as bytes, 3.1.1 and 5.0, as far as a client needs them.
//!
//! By hand, because tests look at what client libraries hide: reason codes, user properties, DUP, where a packet ends.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1
    V311,
    /// 5.0
    V5,
}

/// What a CONNECT says.
#[derive(Debug, Clone)]
pub struct Hello {
    /// Of the protocol.
    pub version: Version,
    /// User name.
    pub user: Option<String>,
    /// Password or token.
    pub password: Option<String>,
    /// Client id.
    pub device: String,
    /// Clean Start; Clean Session on 3.1.1.
    pub clean: bool,
    /// Session Expiry Interval in seconds; not sent on 3.1.1.
    pub expiry: u32,
    /// Receive Maximum; not sent on 3.1.1.
    pub window: u16,
}

/// A packet from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// CONNACK
    ConnAck {
        /// A session was resumed.
        present: bool,
        /// Reason or return code.
        code: u8,
        /// Properties.
        properties: Properties,
    },
    /// PUBLISH
    Publish(Publish),
    /// PUBACK, PUBREC, PUBREL, PUBCOMP: the first byte tells.
    Ack {
        /// First byte of the packet.
        first: u8,
        /// Packet id.
        id: u16,
        /// Reason code; 0 when absent.
        code: u8,
        /// Properties.
        properties: Properties,
    },
    /// SUBACK, UNSUBACK
    SubAck {
        /// Packet id.
        id: u16,
        /// A code per filter.
        codes: Vec<u8>,
        /// Properties.
        properties: Properties,
    },
    /// PINGRESP
    Pong,
    /// DISCONNECT
    Disconnect {
        /// Reason code.
        code: u8,
        /// Properties.
        properties: Properties,
    },
}

/// A PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publish {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// 0, 1 or 2.
    pub qos: u8,
    /// Sent before.
    pub dup: bool,
    /// Packet id above QoS 0.
    pub id: u16,
    /// Properties.
    pub properties: Properties,
}

/// Properties of a packet, by identifier.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// User properties.
    pub user: Vec<(String, String)>,
    /// Those that are numbers.
    pub numbers: BTreeMap<u8, u32>,
    /// Those that are texts or bytes.
    pub bytes: BTreeMap<u8, Vec<u8>>,
}

impl Properties {
    /// The number in a user property.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.user.iter().find(|(key, _)| key == name)?.1.parse().ok()
    }
}

/// A CONNECT.
#[must_use]
pub fn connect(hello: &Hello) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, b"MQTT");
    let five = hello.version == Version::V5;
    let mut flags = u8::from(hello.clean) << 1;
    flags |= u8::from(hello.user.is_some()) << 7 | u8::from(hello.password.is_some()) << 6;
    body.extend_from_slice(&[if five { 5 } else { 4 }, flags, 0x01, 0x2c]);
    if five {
        body.extend_from_slice(&[8, 0x11]);
        body.extend_from_slice(&hello.expiry.to_be_bytes());
        body.push(0x21);
        body.extend_from_slice(&hello.window.to_be_bytes());
    }
    text(&mut body, hello.device.as_bytes());
    for field in [&hello.user, &hello.password].into_iter().flatten() {
        text(&mut body, field.as_bytes());
    }
    packet(0x10, &body)
}

/// A PUBLISH; of its properties only the user properties are written.
#[must_use]
pub fn publish(version: Version, publish: &Publish) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, publish.topic.as_bytes());
    if publish.qos > 0 {
        body.extend_from_slice(&publish.id.to_be_bytes());
    }
    if version == Version::V5 {
        let mut properties = Vec::new();
        for (key, value) in &publish.properties.user {
            properties.push(0x26);
            text(&mut properties, key.as_bytes());
            text(&mut properties, value.as_bytes());
        }
        length(&mut body, properties.len());
        body.extend_from_slice(&properties);
    }
    body.extend_from_slice(&publish.payload);
    packet(0x30 | publish.qos << 1 | u8::from(publish.dup) << 3, &body)
}

/// A SUBSCRIBE to one filter.
#[must_use]
pub fn subscribe(version: Version, id: u16, filter: &str, qos: u8) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
    }
    text(&mut body, filter.as_bytes());
    body.push(qos);
    packet(0x82, &body)
}

/// A PUBACK, PUBREC, PUBREL or PUBCOMP that says yes.
#[must_use]
pub fn ack(first: u8, id: u16) -> Vec<u8> {
    packet(first, &id.to_be_bytes())
}

/// A packet of this first byte and body.
#[must_use]
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    length(&mut packet, body.len());
    packet.extend_from_slice(body);
    packet
}

/// Appends a text with its length.
pub fn text(out: &mut Vec<u8>, text: &[u8]) {
    #[expect(clippy::cast_possible_truncation, reason = "no test writes a text of 64 KiB")]
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text);
}

fn length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        #[expect(clippy::cast_possible_truncation, reason = "seven bits")]
        let low = (length % 128) as u8;
        length /= 128;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return;
        }
    }
}

/// The length in bytes of the packet that `bytes` begin with, once that can be told.
///
/// # Errors
/// When its length does not end.
pub fn whole(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).enumerate() {
        ensure!(index < 4, "a remaining length that does not end");
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(index + 2 + length));
        }
    }
    Ok(None)
}

/// Reads one whole packet.
///
/// # Errors
/// When it is none that a server sends.
pub fn read(version: Version, bytes: &[u8]) -> anyhow::Result<Packet> {
    let first = bytes[0];
    let start = 1 + bytes.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let mut rest = Rest { bytes: &bytes[start..], five: version == Version::V5 };
    Ok(match first >> 4 {
        2 => {
            let present = rest.byte()? & 1 == 1;
            Packet::ConnAck { present, code: rest.byte()?, properties: rest.properties()? }
        }
        3 => {
            let topic = String::from_utf8(rest.text()?.to_vec())?;
            let qos = first >> 1 & 3;
            let id = if qos > 0 { rest.short()? } else { 0 };
            let properties = rest.properties()?;
            Packet::Publish(Publish { topic, payload: rest.bytes.to_vec(), qos, dup: first & 8 != 0, id, properties })
        }
        4..=7 => {
            let id = rest.short()?;
            Packet::Ack { first, id, code: rest.byte().unwrap_or(0), properties: rest.properties()? }
        }
        9 => {
            let id = rest.short()?;
            let properties = rest.properties()?;
            Packet::SubAck { id, codes: rest.bytes.to_vec(), properties }
        }
        13 => Packet::Pong,
        14 => Packet::Disconnect { code: rest.byte().unwrap_or(0), properties: rest.properties()? },
        _ => bail!("no packet of a server: {bytes:02x?}"),
    })
}

struct Rest<'a> {
    bytes: &'a [u8],
    five: bool,
}

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> anyhow::Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).context("the packet ends too early")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> anyhow::Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn short(&mut self) -> anyhow::Result<u16> {
        Ok(u16::from_be_bytes(self.take(2)?.try_into()?))
    }

    fn text(&mut self) -> anyhow::Result<&'a [u8]> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    fn variable(&mut self) -> anyhow::Result<u32> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
            ensure!(shift < 28, "a number that does not end");
        }
    }

    /// None on 3.1.1, and none at the end of a packet that may leave them out.
    fn properties(&mut self) -> anyhow::Result<Properties> {
        let mut properties = Properties::default();
        if !self.five || self.bytes.is_empty() {
            return Ok(properties);
        }
        let length = self.variable()?;
        let mut inner = Rest { bytes: self.take(usize::try_from(length)?)?, five: true };
        while !inner.bytes.is_empty() {
            let id = inner.byte()?;
            match id {
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => {
                    properties.numbers.insert(id, inner.byte()?.into());
                }
                0x13 | 0x21 | 0x22 | 0x23 => {
                    properties.numbers.insert(id, inner.short()?.into());
                }
                0x02 | 0x11 | 0x18 | 0x27 => {
                    properties.numbers.insert(id, u32::from_be_bytes(inner.take(4)?.try_into()?));
                }
                0x0b => {
                    properties.numbers.insert(id, inner.variable()?);
                }
                0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => {
                    properties.bytes.insert(id, inner.text()?.to_vec());
                }
                0x26 => {
                    let key = String::from_utf8(inner.text()?.to_vec())?;
                    properties.user.push((key, String::from_utf8(inner.text()?.to_vec())?));
                }
                _ => bail!("unknown property {id:#x}"),
            }
        }
        Ok(properties)
    }
}
