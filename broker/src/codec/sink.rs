//! Where encoders write: into bytes, or into a counter, so that one description of a packet gives both its bytes and its length.

use bytes::{BufMut, BytesMut};

use super::EncodeError;

/// Takes bytes.
pub(super) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for BytesMut {
    fn put(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }
}

impl Sink for &mut dyn Sink {
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }
}

/// Counts only.
#[derive(Default)]
pub(super) struct Count(pub(super) usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

pub(super) fn put_byte(sink: &mut impl Sink, value: u8) {
    sink.put(&[value]);
}

pub(super) fn put_two(sink: &mut impl Sink, value: u16) {
    sink.put(&value.to_be_bytes());
}

pub(super) fn put_four(sink: &mut impl Sink, value: u32) {
    sink.put(&value.to_be_bytes());
}

pub(super) fn put_binary(sink: &mut impl Sink, value: &[u8]) -> Result<(), EncodeError> {
    put_two(sink, u16::try_from(value.len()).map_err(|_| EncodeError::FieldTooLong)?);
    sink.put(value);
    Ok(())
}

pub(super) fn put_text(sink: &mut impl Sink, value: &str) -> Result<(), EncodeError> {
    put_binary(sink, value.as_bytes())
}

pub(super) fn put_variable(sink: &mut impl Sink, value: usize) -> Result<(), EncodeError> {
    if value > 0x0fff_ffff {
        return Err(EncodeError::PacketTooLong);
    }
    let mut rest = value;
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            put_byte(sink, low);
            return Ok(());
        }
        put_byte(sink, low | 0x80);
    }
}

/// Bytes of a value as variable byte integer.
pub(super) fn variable_len(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x001f_ffff => 3,
        _ => 4,
    }
}
