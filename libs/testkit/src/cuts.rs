//! Cuts the TCP connection after every byte of a PUBLISH, resends, and looks how often it was stored.
//!
//! The packets are written by hand here: the point is where the bytes end, which no client library lets one choose.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

/// How the publish says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// QoS 1 with a message id in the payload.
    Id,
    /// QoS 1, no id, resent with DUP and the same packet id.
    BareQos1,
    /// QoS 2, no id.
    BareQos2,
}

/// One publish for every place at which its connection is cut, resent with DUP over the next; each must be stored exactly once, and
/// none taken for the one before it, although the bare ones are all equal. Returns the receipts' seqs in order.
///
/// # Errors
/// When a resend is not acknowledged, or gets a seq that is not the next.
pub fn cut_everywhere(server: SocketAddr, identity: Identity) -> anyhow::Result<Vec<u64>> {
    let user = format!("cut-{identity:?}").to_lowercase();
    let mut seqs = Vec::new();
    let length = publish(&user, identity, 0, false).len();
    for cut in 0..=length {
        let whole = publish(&user, identity, cut, false);
        let mut first = connect(server, &user)?;
        first.write_all(&whole[..cut])?;
        drop(first);
        let mut second = connect(server, &user)?;
        second.write_all(&publish(&user, identity, cut, true))?;
        let seq = acknowledged(&mut second, identity)?;
        // The whole packet went out, so its PUBACK may have been on its way: then a bare QoS 1 resend is rightly new.
        let perhaps_twice = cut == length && identity == Identity::BareQos1;
        let fits = |last: &u64| seq == last + 1 || (perhaps_twice && seq == last + 2);
        ensure!(seqs.last().is_none_or(fits), "cut {cut} of {identity:?}: seq {seq} after {seqs:?}");
        seqs.push(seq);
    }
    Ok(seqs)
}

fn acknowledged(stream: &mut TcpStream, identity: Identity) -> anyhow::Result<u64> {
    let ack = read_packet(stream)?;
    let wanted = if identity == Identity::BareQos2 { 0x50 } else { 0x40 };
    ensure!(ack[0] == wanted, "expected an acknowledgement, got {ack:02x?}");
    let seq = user_property(&ack, b"seq").with_context(|| format!("no seq in {ack:02x?}"))?;
    if identity == Identity::BareQos2 {
        stream.write_all(&[0x62, 0x02, 0x00, 0x01])?;
        ensure!(read_packet(stream)?[0] == 0x70, "expected PUBCOMP");
    }
    Ok(seq)
}

fn publish(user: &str, identity: Identity, number: usize, dup: bool) -> Vec<u8> {
    let topic = format!("u/{user}/c/@{user}-peer/json");
    // Equal bodies on purpose where there is no id: only DUP and the packet id tell a resend from a new message.
    let payload = match identity {
        Identity::Id => format!("{{\"id\":\"cut-{number:04}\",\"body\":\"x\"}}"),
        Identity::BareQos1 | Identity::BareQos2 => "{\"body\":\"equal\"}".to_owned(),
    };
    let mut body = Vec::new();
    text(&mut body, &topic);
    body.extend_from_slice(&[0x00, 0x01, 0x00]);
    body.extend_from_slice(payload.as_bytes());
    let qos = if identity == Identity::BareQos2 { 0x04 } else { 0x02 };
    packet(0x30 | qos | if dup { 0x08 } else { 0 }, &body)
}

fn connect(server: SocketAddr, user: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    // Version 5, user name, no Clean Start, keep alive 60 s, Session Expiry Interval one day.
    body.extend_from_slice(&[0x05, 0x80, 0x00, 0x3c, 0x05, 0x11, 0x00, 0x01, 0x51, 0x80]);
    text(&mut body, "device");
    text(&mut body, user);
    stream.write_all(&packet(0x10, &body))?;
    let ack = read_packet(&mut stream)?;
    ensure!(ack[0] == 0x20 && ack[3] == 0, "CONNACK {ack:02x?}");
    Ok(stream)
}

fn text(out: &mut Vec<u8>, text: &str) {
    #[expect(clippy::cast_possible_truncation, reason = "all texts here are short")]
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        #[expect(clippy::cast_possible_truncation, reason = "seven bits")]
        let low = (length % 128) as u8;
        length /= 128;
        packet.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}

fn read_packet(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut packet = vec![0; 1];
    stream.read_exact(&mut packet).context("the server closed the connection")?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        packet.push(byte[0]);
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
        if shift > 21 {
            bail!("a remaining length that does not end");
        }
    }
    let start = packet.len();
    packet.resize(start + length, 0);
    stream.read_exact(&mut packet[start..])?;
    Ok(packet)
}

/// A user property of a number: found by its bytes, which is enough for the short packets here.
fn user_property(packet: &[u8], name: &[u8]) -> Option<u64> {
    let mut key = vec![0x26, 0x00, u8::try_from(name.len()).ok()?];
    key.extend_from_slice(name);
    let at = packet.windows(key.len()).position(|window| window == key)? + key.len();
    let length = usize::from(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    std::str::from_utf8(packet.get(at + 2..at + 2 + length)?).ok()?.parse().ok()
}
