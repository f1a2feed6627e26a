//! Packets from the server, read in place from whatever part of the stream has arrived.

use thiserror::Error;

use super::Version;

/// The bytes cannot be what an MQTT server may send to this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// The remaining length has more than four bytes.
    #[error("remaining length of more than four bytes")]
    Length,
    /// A packet ends before its fields do.
    #[error("packet type {0} ends before its fields")]
    Short(u8),
    /// A packet type that a server never sends, or one that this client never asks for.
    #[error("unexpected packet type {0}")]
    Type(u8),
    /// A property that CONNACK does not have.
    #[error("unknown property {0:#04x} in CONNACK")]
    Property(u8),
    /// QoS 3 on a PUBLISH.
    #[error("PUBLISH with QoS {0}")]
    Qos(u8),
}

/// What CONNACK says, as far as the generator obeys it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnAck {
    /// Session Present.
    pub session_present: bool,
    /// 0 is success; codes of both versions are passed on as they are.
    pub code: u8,
    /// The server's Receive Maximum: how many publishes may wait for their PUBACK.
    pub receive_maximum: u16,
}

/// A PUBLISH from the server, borrowed from the read buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Topic name.
    pub topic: &'a [u8],
    /// Absent at QoS 0.
    pub packet_id: Option<u16>,
    /// At QoS 2, which PUBREC answers.
    pub exactly_once: bool,
    /// The DUP flag.
    pub dup: bool,
    /// Application message.
    pub body: &'a [u8],
}

/// One packet from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// CONNACK.
    ConnAck(ConnAck),
    /// SUBACK: packet id and the first reason code.
    SubAck(u16, u8),
    /// PUBACK: packet id and reason code.
    PubAck(u16, u8),
    /// PUBREC: packet id and reason code.
    PubRec(u16, u8),
    /// PUBREL: packet id.
    PubRel(u16),
    /// PUBCOMP: packet id.
    PubComp(u16),
    /// PUBLISH.
    Publish(Publish<'a>),
    /// PINGRESP.
    PingResp,
    /// DISCONNECT with its reason code (5.0).
    Disconnect(u8),
}

/// Reads the packet at the start of `bytes`: the packet and how many bytes it took, or `None` when more bytes are needed.
///
/// # Errors
/// [`Malformed`] when no further bytes can make a packet of it.
pub fn next_packet(version: Version, bytes: &[u8]) -> Result<Option<(Packet<'_>, usize)>, Malformed> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let Some((length, length_bytes)) = length(rest)? else { return Ok(None) };
    let Some(body) = rest.get(length_bytes..length_bytes + length) else { return Ok(None) };
    let packet = match first >> 4 {
        2 => connack(version, body)?,
        3 => publish(version, first, body)?,
        4 => {
            let (id, after) = number(4, body)?;
            Packet::PubAck(id, after.first().copied().unwrap_or(0))
        }
        5 => {
            let (id, after) = number(5, body)?;
            Packet::PubRec(id, after.first().copied().unwrap_or(0))
        }
        6 => Packet::PubRel(number(6, body)?.0),
        7 => Packet::PubComp(number(7, body)?.0),
        9 => suback(version, body)?,
        13 => Packet::PingResp,
        14 if version == Version::V5 => Packet::Disconnect(body.first().copied().unwrap_or(0)),
        other => return Err(Malformed::Type(other)),
    };
    Ok(Some((packet, 1 + length_bytes + length)))
}

fn connack(version: Version, body: &[u8]) -> Result<Packet<'_>, Malformed> {
    let [flags, code, properties @ ..] = body else { return Err(Malformed::Short(2)) };
    let mut receive_maximum = u16::MAX;
    if version == Version::V5 && !properties.is_empty() {
        let mut left = section(2, properties)?.0;
        while let Some((&property, after)) = left.split_first() {
            let size = match property {
                0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
                0x13 | 0x21 | 0x22 => 2,
                0x11 | 0x27 => 4,
                0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => 2 + usize::from(number(2, after)?.0),
                0x26 => {
                    let name = 2 + usize::from(number(2, after)?.0);
                    let value = after.get(name..).ok_or(Malformed::Short(2))?;
                    name + 2 + usize::from(number(2, value)?.0)
                }
                other => return Err(Malformed::Property(other)),
            };
            if property == 0x21 {
                receive_maximum = number(2, after)?.0;
            }
            left = after.get(size..).ok_or(Malformed::Short(2))?;
        }
    }
    Ok(Packet::ConnAck(ConnAck { session_present: flags & 1 == 1, code: *code, receive_maximum }))
}

fn suback(version: Version, body: &[u8]) -> Result<Packet<'_>, Malformed> {
    let (id, mut after) = number(9, body)?;
    if version == Version::V5 {
        after = section(9, after)?.1;
    }
    Ok(Packet::SubAck(id, *after.first().ok_or(Malformed::Short(9))?))
}

fn publish(version: Version, first: u8, body: &[u8]) -> Result<Packet<'_>, Malformed> {
    let (topic_length, after) = number(3, body)?;
    let (topic, mut after) = after.split_at_checked(usize::from(topic_length)).ok_or(Malformed::Short(3))?;
    let qos = (first >> 1) & 3;
    let packet_id = match qos {
        0 => None,
        1 | 2 => {
            let (id, left) = number(3, after)?;
            after = left;
            Some(id)
        }
        qos => return Err(Malformed::Qos(qos)),
    };
    if version == Version::V5 {
        after = section(3, after)?.1;
    }
    Ok(Packet::Publish(Publish { topic, packet_id, exactly_once: qos == 2, dup: first & 0x08 != 0, body: after }))
}

/// A property section and what follows it.
fn section(packet: u8, bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (length, taken) = length(bytes)?.ok_or(Malformed::Short(packet))?;
    bytes[taken..].split_at_checked(length).ok_or(Malformed::Short(packet))
}

fn number(packet: u8, bytes: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    match bytes {
        [high, low, rest @ ..] => Ok((u16::from_be_bytes([*high, *low]), rest)),
        _ => Err(Malformed::Short(packet)),
    }
}

/// A Variable Byte Integer: its value and its size; `None` when it goes on behind the end.
fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 4 { Err(Malformed::Length) } else { Ok(None) }
}
