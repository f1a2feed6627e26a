//! What every message body carries: when it was due, who sent it in which run, and its running number.
//!
//! 24 bytes in front, then a fixed padding up to the wanted size. The run number lets a receiver tell the messages of this run
//! from what an earlier one left behind in a durable session.

/// Bytes that a stamp takes: the smallest body.
pub const STAMP_BYTES: usize = 24;

const PADDING: u8 = b'.';

/// The head of a message body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds since the run's clock started: when the message was due (open loop) or written (closed loop).
    pub due_ns: u64,
    /// Index of the sending connection.
    pub sender: u32,
    /// A number that differs from run to run.
    pub run: u32,
    /// 0, 1, 2 … per sender.
    pub number: u64,
}

impl Stamp {
    /// The bytes that go in front of the padding.
    #[must_use]
    pub fn bytes(&self) -> [u8; STAMP_BYTES] {
        let mut bytes = [0; STAMP_BYTES];
        bytes[..8].copy_from_slice(&self.due_ns.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.sender.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.run.to_be_bytes());
        bytes[16..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// Reads a body back; `None` when its size or padding is not what was sent.
    #[must_use]
    pub fn read(body: &[u8], size: usize) -> Option<Self> {
        let (head, padding) = body.split_first_chunk::<STAMP_BYTES>()?;
        if body.len() != size || padding.iter().any(|byte| *byte != PADDING) {
            return None;
        }
        let [a, b, c] = [&head[..8], &head[8..16], &head[16..]].map(|part| part.try_into().map(u64::from_be_bytes));
        let who = b.ok()?;
        Some(Self { due_ns: a.ok()?, sender: (who >> 32) as u32, run: who as u32, number: c.ok()? })
    }
}

/// A body of `size` bytes (at least [`STAMP_BYTES`]) whose stamp is still empty.
#[must_use]
pub fn blank_body(size: usize) -> Vec<u8> {
    let mut body = vec![PADDING; size.max(STAMP_BYTES)];
    body[..STAMP_BYTES].fill(0);
    body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_stamp_reads_back_and_damage_shows() {
        let stamp = Stamp { due_ns: 1 << 40, sender: 999, run: u32::MAX, number: 7 };
        let mut body = blank_body(64);
        body[..STAMP_BYTES].copy_from_slice(&stamp.bytes());
        assert_eq!(Stamp::read(&body, 64), Some(stamp));
        assert_eq!(Stamp::read(&body, 65), None, "another size");
        assert_eq!(Stamp::read(&body[..63], 64), None, "cut short");
        assert_eq!(Stamp::read(&body[..20], 20), None, "smaller than a stamp");
        body[63] = 0;
        assert_eq!(Stamp::read(&body, 64), None, "damaged padding");
    }
}
