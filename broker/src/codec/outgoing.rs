//! Encoders of the hot path, without allocation: PUBLISH towards devices, and the receipt of a stored publish.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use longwave_model::Seq;
use longwave_port::DeliveryProperties;
use smallvec::SmallVec;

use super::EncodeError;
use super::frame::{PUBACK, PUBLISH, PUBREC};
use super::packet::Version;
use super::properties as id;
use super::sink::{Count, Sink, put_binary, put_byte, put_four, put_text, put_two, put_variable, variable_len};

/// A PUBLISH to a device. Topic and payload are shared with whoever else gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The topic.
    pub topic: Arc<str>,
    /// Left out on the wire, because the alias stands for it already.
    pub topic_known: bool,
    /// Topic Alias; 0 = none.
    pub alias: u16,
    /// `Some` above QoS 0.
    pub packet_id: Option<u16>,
    /// With a packet id: QoS 2 instead of 1.
    pub exactly_once: bool,
    /// DUP.
    pub dup: bool,
    /// RETAIN.
    pub retain: bool,
    /// Subscription Identifiers.
    pub subscription_ids: SmallVec<[u32; 2]>,
    /// Properties, if any.
    pub properties: Option<Box<DeliveryProperties>>,
    /// The payload.
    pub payload: Bytes,
}

/// The PUBACK or PUBREC of a publish that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// PUBREC instead of PUBACK.
    pub exactly_once: bool,
    /// Packet id.
    pub packet_id: u16,
    /// `seq` and `ts` (Unix milliseconds) as user properties; `None` where they may not be sent.
    pub stored: Option<(Seq, u64)>,
}

impl Outgoing {
    fn qos(&self) -> u8 {
        match self.packet_id {
            None => 0,
            Some(_) if self.exactly_once => 2,
            Some(_) => 1,
        }
    }

    fn body(&self, v5: bool, sink: &mut impl Sink) -> Result<(), EncodeError> {
        put_text(sink, if self.topic_known { "" } else { &self.topic })?;
        if let Some(packet_id) = self.packet_id {
            put_two(sink, packet_id);
        }
        if v5 {
            let mut count = Count::default();
            self.properties(&mut count)?;
            put_variable(sink, count.0)?;
            self.properties(sink)?;
        }
        sink.put(&self.payload);
        Ok(())
    }

    fn properties(&self, sink: &mut impl Sink) -> Result<(), EncodeError> {
        if self.alias > 0 {
            put_byte(sink, id::TOPIC_ALIAS);
            put_two(sink, self.alias);
        }
        for identifier in &self.subscription_ids {
            put_byte(sink, id::SUBSCRIPTION_ID);
            put_variable(sink, *identifier as usize)?;
        }
        let Some(properties) = &self.properties else { return Ok(()) };
        if let Some(utf8) = properties.utf8_payload {
            put_byte(sink, id::PAYLOAD_FORMAT);
            put_byte(sink, u8::from(utf8));
        }
        if let Some(expiry) = properties.expiry_seconds {
            put_byte(sink, id::MESSAGE_EXPIRY);
            put_four(sink, expiry);
        }
        if let Some(content_type) = &properties.content_type {
            put_byte(sink, id::CONTENT_TYPE);
            put_text(sink, content_type)?;
        }
        if let Some(response_topic) = &properties.response_topic {
            put_byte(sink, id::RESPONSE_TOPIC);
            put_text(sink, response_topic)?;
        }
        if let Some(correlation_data) = &properties.correlation_data {
            put_byte(sink, id::CORRELATION_DATA);
            put_binary(sink, correlation_data)?;
        }
        for (name, value) in &properties.user_properties {
            put_byte(sink, id::USER_PROPERTY);
            put_text(sink, name)?;
            put_text(sink, value)?;
        }
        Ok(())
    }
}

/// Appends a PUBLISH.
///
/// # Errors
/// [`EncodeError`] when a field is too long for the wire; then nothing is appended.
pub fn encode_outgoing(outgoing: &Outgoing, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
    let v5 = version == Version::V5;
    let mut count = Count::default();
    outgoing.body(v5, &mut count)?;
    if count.0 > 0x0fff_ffff {
        return Err(EncodeError::PacketTooLong);
    }
    out.reserve(5 + count.0);
    put_byte(out, PUBLISH << 4 | u8::from(outgoing.dup) << 3 | outgoing.qos() << 1 | u8::from(outgoing.retain));
    put_variable(out, count.0)?;
    outgoing.body(v5, out)
}

/// Bytes that [`encode_outgoing`] appends; `usize::MAX` when it cannot be encoded.
#[must_use]
pub fn outgoing_len(outgoing: &Outgoing, version: Version) -> usize {
    let mut count = Count::default();
    match outgoing.body(version == Version::V5, &mut count) {
        Ok(()) => 1 + variable_len(count.0) + count.0,
        Err(_) => usize::MAX,
    }
}

/// Bytes of the longest receipt: seq and ts of 20 digits.
pub(crate) const RECEIPT_MAX: usize = 2 + 2 + 1 + 1 + (1 + 2 + 3 + 2 + 20) + (1 + 2 + 2 + 2 + 20);

/// Appends a PUBACK or PUBREC.
pub fn encode_receipt(receipt: &Receipt, version: Version, out: &mut BytesMut) {
    let first = if receipt.exactly_once { PUBREC << 4 } else { PUBACK << 4 };
    let stored = receipt.stored.filter(|_| version == Version::V5);
    let Some((seq, ts)) = stored else {
        out.reserve(4);
        out.put_slice(&[first, 2]);
        out.put_u16(receipt.packet_id);
        return;
    };
    let (seq, ts) = (Decimal::new(seq.0), Decimal::new(ts));
    let pair = |name: &str, value: &Decimal| 1 + 2 + name.len() + 2 + value.text().len();
    let properties = pair("seq", &seq) + pair("ts", &ts);
    out.reserve(RECEIPT_MAX);
    // RECEIPT_MAX is below 128, so that each length is one byte.
    let one_byte = |len: usize| u8::try_from(len).unwrap_or(u8::MAX);
    out.put_slice(&[first, one_byte(2 + 1 + 1 + properties)]);
    out.put_u16(receipt.packet_id);
    out.put_slice(&[0, one_byte(properties)]);
    for (name, value) in [("seq", seq), ("ts", ts)] {
        out.put_slice(&[id::USER_PROPERTY, 0, one_byte(name.len())]);
        out.put_slice(name.as_bytes());
        out.put_slice(&[0, one_byte(value.text().len())]);
        out.put_slice(value.text());
    }
}

/// A number in decimal digits, without allocation.
struct Decimal {
    digits: [u8; 20],
    from: usize,
}

impl Decimal {
    fn new(mut value: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut from = digits.len();
        loop {
            from -= 1;
            digits[from] += u8::try_from(value % 10).unwrap_or(0);
            value /= 10;
            if value == 0 {
                return Self { digits, from };
            }
        }
    }

    fn text(&self) -> &[u8] {
        &self.digits[self.from..]
    }
}
