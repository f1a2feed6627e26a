//! Protobuf at the level of bytes: a strict look at what arrives, and a writer that needs no intermediate struct.
//!
//! prost drops fields it does not know; here they are refused, because a client that sends one believes that it has an effect.

use std::borrow::Cow;

/// A field that a message may have: its number, its wire type, and whether it may come more than once.
pub(crate) struct Known {
    pub(crate) number: u32,
    pub(crate) wire: Wire,
    pub(crate) repeated: bool,
}

/// The two wire types that our messages use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Varint = 0,
    Bytes = 2,
}

impl Known {
    pub(crate) const fn varint(number: u32) -> Self {
        Self { number, wire: Wire::Varint, repeated: false }
    }

    pub(crate) const fn bytes(number: u32) -> Self {
        Self { number, wire: Wire::Bytes, repeated: false }
    }

    pub(crate) const fn list(number: u32) -> Self {
        Self { number, wire: Wire::Bytes, repeated: true }
    }
}

/// Checks that a payload is made of known fields only, each at most once unless it is a list. Says what is wrong otherwise.
pub(crate) fn check(mut payload: &[u8], known: &[Known]) -> Result<(), Cow<'static, str>> {
    let mut seen = 0u32;
    while !payload.is_empty() {
        let key = varint(&mut payload)?;
        let number = u32::try_from(key >> 3).map_err(|_| "a field number is too large")?;
        let Some((index, field)) = known.iter().enumerate().find(|(_, field)| field.number == number) else {
            return Err(format!("unknown field {number}").into());
        };
        if key & 7 != field.wire as u64 {
            return Err(format!("field {number} has the wrong type").into());
        }
        if seen & (1 << index) != 0 && !field.repeated {
            return Err(format!("field {number} comes twice").into());
        }
        seen |= 1 << index;
        let value = varint(&mut payload)?;
        if field.wire == Wire::Bytes {
            let length = usize::try_from(value).ok().filter(|length| *length <= payload.len());
            payload = &payload[length.ok_or_else(|| format!("field {number} is cut off"))?..];
        }
    }
    Ok(())
}

fn varint(payload: &mut &[u8]) -> Result<u64, &'static str> {
    let mut value = 0u64;
    for (index, &byte) in payload.iter().enumerate().take(10) {
        if index == 9 && byte > 1 {
            return Err("a number has more than 64 bits");
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *payload = &payload[index + 1..];
            return Ok(value);
        }
    }
    Err("the message is cut off")
}

/// A message being written. Empty and zero values are left out, as proto3 does.
pub(crate) struct WireMessage {
    out: Vec<u8>,
}

impl WireMessage {
    /// Begins a message that will take about `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity) }
    }

    /// A number or flag.
    pub(crate) fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.varint(u64::from(field << 3));
            self.varint(value);
        }
    }

    /// A text or bytes.
    pub(crate) fn bytes(&mut self, field: u32, value: &[u8]) {
        if !value.is_empty() {
            self.present(field, value);
        }
    }

    /// A text or bytes with presence of its own: written although it is empty. Also one element of a list.
    pub(crate) fn present(&mut self, field: u32, value: &[u8]) {
        self.varint(u64::from(field << 3 | Wire::Bytes as u32));
        self.varint(value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// The message's bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: &[Known] = &[Known::varint(1), Known::bytes(2), Known::list(30)];

    #[test]
    fn what_prost_would_drop_is_refused() {
        assert_eq!(check(&[0x08, 5, 0x12, 1, b'a', 0xf2, 1, 0, 0xf2, 1, 0], KNOWN), Ok(()));
        assert_eq!(check(&[0x18, 5], KNOWN).unwrap_err(), "unknown field 3");
        assert_eq!(check(&[0x08, 5, 0x08, 6], KNOWN).unwrap_err(), "field 1 comes twice");
        assert_eq!(check(&[0x0a, 0], KNOWN).unwrap_err(), "field 1 has the wrong type");
        assert_eq!(check(&[0x12, 2, b'a'], KNOWN).unwrap_err(), "field 2 is cut off");
        assert_eq!(check(&[0x08], KNOWN).unwrap_err(), "the message is cut off");
        assert_eq!(check(&[0x08, 0x80], KNOWN).unwrap_err(), "the message is cut off");
        assert_eq!(check(&[0xff; 12], KNOWN).unwrap_err(), "a number has more than 64 bits");
        assert_eq!(check(&[0x13], KNOWN).unwrap_err(), "field 2 has the wrong type");
    }

    proptest! {
        #[test]
        fn what_is_written_passes(number: u64, bytes: Vec<u8>, list: Vec<Vec<u8>>) {
            let mut message = WireMessage::new(0);
            message.number(1, number);
            message.bytes(2, &bytes);
            for element in &list {
                message.present(30, element);
            }
            let written = message.finish();
            prop_assert_eq!(check(&written, KNOWN), Ok(()));
        }

        #[test]
        fn hostile_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = check(&bytes, KNOWN);
        }
    }
}
