//! Buffers that connections borrow while they work, one small stack of them per thread.
//!
//! A connection that waits owns none, unless half a packet has arrived or its peer does not read. What grew beyond [`KEEP`] is given
//! back to the allocator instead.

use std::cell::RefCell;

use bytes::BytesMut;

/// Bytes that one read asks for: one TLS record.
pub(crate) const READ_CHUNK: usize = 16 * 1024;
/// Room for what a full window writes at once, and some.
const KEEP: usize = 256 * 1024;
const PER_THREAD: usize = 4;

thread_local! {
    static FREE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for [`READ_CHUNK`].
pub(crate) fn borrow() -> BytesMut {
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.reserve(READ_CHUNK);
    buffer
}

/// Gives a buffer back; what is in it is dropped.
pub(crate) fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    if buffer.capacity() == 0 || buffer.capacity() > KEEP {
        return;
    }
    FREE.with_borrow_mut(|free| {
        if free.len() < PER_THREAD {
            free.push(buffer);
        }
    });
}

/// A copy that owns no more than what is in it: for the half packet that a connection keeps.
pub(crate) fn shrink(buffer: BytesMut) -> BytesMut {
    if buffer.len() * 2 > buffer.capacity() {
        return buffer;
    }
    let small = BytesMut::from(&buffer[..]);
    give_back(buffer);
    small
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_large_ones_do_not() {
        let mut buffer = borrow();
        buffer.extend_from_slice(b"abc");
        let place = buffer.as_ptr();
        give_back(buffer);
        let again = borrow();
        assert!(again.is_empty() && again.capacity() >= READ_CHUNK);
        assert_eq!(again.as_ptr(), place);
        give_back(BytesMut::with_capacity(KEEP + 1));
        assert_ne!(borrow().capacity(), KEEP + 1);
    }

    #[test]
    fn half_a_packet_keeps_its_own_size() {
        let mut buffer = borrow();
        buffer.extend_from_slice(&[7; 100]);
        let small = shrink(buffer);
        assert_eq!(&small[..], &[7; 100]);
        assert!(small.capacity() < 1_000);
    }
}
