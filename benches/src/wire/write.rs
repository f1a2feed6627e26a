//! Packets towards the server, appended to a connection's outgoing bytes.

use super::Version;

/// What a CONNECT says.
#[derive(Debug, Clone)]
pub struct Connect<'a> {
    /// Protocol level.
    pub version: Version,
    /// MQTT client id: the device.
    pub client_id: &'a str,
    /// User name.
    pub username: Option<&'a str>,
    /// Password or token.
    pub password: Option<&'a str>,
    /// Clean Start (5.0) or Clean Session (3.1.1).
    pub clean: bool,
    /// Session Expiry Interval in seconds; only 5.0 can say it.
    pub expiry: u32,
    /// Keep alive in seconds.
    pub keep_alive: u16,
    /// Receive Maximum; only 5.0 can say it, `None` leaves the standard's 65,535.
    pub receive_maximum: Option<u16>,
}

impl Connect<'_> {
    /// Appends the packet.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(64);
        put_text(&mut body, "MQTT");
        let mut flags = 0;
        flags |= if self.clean { 0x02 } else { 0 };
        flags |= if self.username.is_some() { 0x80 } else { 0 };
        flags |= if self.password.is_some() { 0x40 } else { 0 };
        body.push(match self.version {
            Version::V4 => 4,
            Version::V5 => 5,
        });
        body.push(flags);
        body.extend_from_slice(&self.keep_alive.to_be_bytes());
        if self.version == Version::V5 {
            let mut properties = Vec::with_capacity(8);
            if self.expiry > 0 {
                properties.push(0x11);
                properties.extend_from_slice(&self.expiry.to_be_bytes());
            }
            if let Some(maximum) = self.receive_maximum {
                properties.push(0x21);
                properties.extend_from_slice(&maximum.to_be_bytes());
            }
            put_length(&mut body, properties.len());
            body.extend_from_slice(&properties);
        }
        put_text(&mut body, self.client_id);
        for text in [self.username, self.password].into_iter().flatten() {
            put_text(&mut body, text);
        }
        out.push(0x10);
        put_length(out, body.len());
        out.extend_from_slice(&body);
    }
}

/// Appends a SUBSCRIBE with one filter.
pub fn write_subscribe(out: &mut Vec<u8>, version: Version, packet_id: u16, filter: &str, qos: u8) {
    let properties = usize::from(version == Version::V5);
    out.push(0x82);
    put_length(out, 2 + properties + 2 + filter.len() + 1);
    out.extend_from_slice(&packet_id.to_be_bytes());
    if version == Version::V5 {
        out.push(0);
    }
    put_text(out, filter);
    out.push(qos);
}

/// Appends a PUBACK: the short form, which means success in both versions.
pub fn write_puback(out: &mut Vec<u8>, packet_id: u16) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[0x40, 2, high, low]);
}

/// Appends PUBREC (5), PUBREL (6) or PUBCOMP (7) in its short form, which means success in both versions.
pub fn write_exactly_once(out: &mut Vec<u8>, kind: u8, packet_id: u16) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[kind << 4 | if kind == 6 { 2 } else { 0 }, 2, high, low]);
}

/// Appends a normal DISCONNECT.
pub fn write_disconnect(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xE0, 0]);
}

/// Appends a PUBLISH: at QoS 1 with a packet id, at QoS 0 without.
pub fn write_publish(out: &mut Vec<u8>, version: Version, topic: &str, packet_id: Option<u16>, body: &[u8]) {
    let properties = usize::from(version == Version::V5);
    let id_bytes = packet_id.map_or(0, |_| 2);
    out.push(if packet_id.is_some() { 0x32 } else { 0x30 });
    put_length(out, 2 + topic.len() + id_bytes + properties + body.len());
    put_text(out, topic);
    if let Some(packet_id) = packet_id {
        out.extend_from_slice(&packet_id.to_be_bytes());
    }
    if version == Version::V5 {
        out.push(0);
    }
    out.extend_from_slice(body);
}

/// A PUBLISH whose topic, QoS and size never change: written once, then copied and patched for every message.
#[derive(Debug, Clone)]
pub struct PublishTemplate {
    bytes: Box<[u8]>,
    /// Absent at QoS 0.
    packet_id_at: Option<usize>,
    body_at: usize,
}

impl PublishTemplate {
    /// A template at QoS 1 for `topic` whose body starts out as `body`.
    #[must_use]
    pub fn new(version: Version, topic: &str, body: &[u8]) -> Self {
        Self::at_qos(1, version, topic, body)
    }

    /// A template at this QoS.
    #[must_use]
    pub fn at_qos(qos: u8, version: Version, topic: &str, body: &[u8]) -> Self {
        let properties = usize::from(version == Version::V5);
        let id_bytes = if qos > 0 { 2 } else { 0 };
        let mut bytes = Vec::with_capacity(topic.len() + body.len() + 10);
        bytes.push(0x30 | qos << 1);
        put_length(&mut bytes, 2 + topic.len() + id_bytes + properties + body.len());
        put_text(&mut bytes, topic);
        let packet_id_at = (qos > 0).then_some(bytes.len());
        bytes.extend_from_slice(&[0, 0][..id_bytes]);
        if version == Version::V5 {
            bytes.push(0);
        }
        let body_at = bytes.len();
        bytes.extend_from_slice(body);
        Self { bytes: bytes.into_boxed_slice(), packet_id_at, body_at }
    }

    /// Appends the packet; the first bytes of the body are replaced by `head`.
    pub fn write(&self, out: &mut Vec<u8>, packet_id: u16, head: &[u8]) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if let Some(at) = self.packet_id_at {
            out[start + at..start + at + 2].copy_from_slice(&packet_id.to_be_bytes());
        }
        let body_at = start + self.body_at;
        out[body_at..body_at + head.len()].copy_from_slice(head);
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    debug_assert!(text.len() <= usize::from(u16::MAX), "MQTT strings have a length of two bytes");
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A Variable Byte Integer [MQTT-1.5.5-1].
fn put_length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = (length & 0x7F) as u8;
        length >>= 7;
        if length == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
