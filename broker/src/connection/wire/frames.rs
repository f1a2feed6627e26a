//! WebSocket frames as a server reads and writes them (RFC 6455, 5), without a buffer: data goes through as it comes, whole frames or
//! not, because to MQTT their borders mean nothing. tungstenite does the handshake only; it keeps 4.5 KB per connection.

use bytes::{Buf, BytesMut};

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Longest payload of a control frame.
const CONTROL_MAX: usize = 125;

/// Close codes (RFC 6455, 7.4.1).
pub(super) mod code {
    pub(in crate::connection::wire) const NORMAL: u16 = 1000;
    pub(in crate::connection::wire) const PROTOCOL: u16 = 1002;
    pub(in crate::connection::wire) const UNSUPPORTED: u16 = 1003;
}

/// What a peer may not do, with the close code to tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(super) struct Violation {
    pub(super) code: u16,
    text: &'static str,
}

/// A control frame that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// To be answered with a pong of the same payload.
    Ping(Vec<u8>),
    /// Nothing comes behind it.
    Close,
}

/// Where in the incoming stream of frames we are.
#[derive(Default)]
pub(super) struct Incoming {
    /// The header so far, when it is not complete.
    header: [u8; 14],
    have: u8,
    opcode: u8,
    mask: [u8; 4],
    /// Payload of the current frame that has not come.
    left: u64,
    /// A message has begun whose last frame has not come.
    in_message: bool,
    control: Vec<u8>,
}

impl Incoming {
    /// Moves payload of data frames from `raw` to `data`, until `raw` is empty or a control frame is complete.
    pub(super) fn accept(&mut self, raw: &mut BytesMut, data: &mut BytesMut) -> Result<Option<Control>, Violation> {
        while !raw.is_empty() || self.control_is_complete() {
            if self.control_is_complete() {
                return Ok(self.take_control());
            }
            if self.left == 0 {
                self.read_header(raw)?;
                continue;
            }
            let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(raw.len());
            let payload = &mut raw[..length];
            unmask(payload, &mut self.mask);
            if self.opcode >= CLOSE {
                self.control.extend_from_slice(payload);
            } else {
                data.extend_from_slice(payload);
            }
            raw.advance(length);
            self.left -= length as u64;
        }
        Ok(None)
    }

    fn control_is_complete(&self) -> bool {
        self.opcode >= CLOSE && self.left == 0
    }

    /// A pong says nothing that is wanted.
    fn take_control(&mut self) -> Option<Control> {
        let payload = std::mem::take(&mut self.control);
        match std::mem::take(&mut self.opcode) {
            PING => Some(Control::Ping(payload)),
            CLOSE => Some(Control::Close),
            _ => None,
        }
    }

    /// Takes header bytes; may end before the header does.
    fn read_header(&mut self, raw: &mut BytesMut) -> Result<(), Violation> {
        while usize::from(self.have) < self.header_length() {
            if raw.is_empty() {
                return Ok(());
            }
            self.header[usize::from(self.have)] = raw.get_u8();
            self.have += 1;
            // Told at once: without a mask the rest of the header would never come, and the peer would wait for its answer.
            if self.have == 2 && self.header[1] & 0x80 == 0 {
                return Err(Violation { code: code::PROTOCOL, text: "a client must mask its frames" });
            }
        }
        self.begin_frame()
    }

    fn header_length(&self) -> usize {
        match (self.have, self.header[1] & 0x7f) {
            (0..2, _) => 2,
            (_, 126) => 8,
            (_, 127) => 14,
            _ => 6,
        }
    }

    fn begin_frame(&mut self) -> Result<(), Violation> {
        let [first, second, rest @ ..] = self.header;
        self.have = 0;
        let (length, mask) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes([rest[0], rest[1]])), [rest[2], rest[3], rest[4], rest[5]]),
            127 => {
                let [a, b, c, d, e, f, g, h, mask @ ..] = rest;
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]), mask)
            }
            short => (u64::from(short), [rest[0], rest[1], rest[2], rest[3]]),
        };
        let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
        let wrong = |text| Err(Violation { code: code::PROTOCOL, text });
        if first & 0x70 != 0 {
            return wrong("reserved bits are set although no extension was agreed on");
        }
        match opcode {
            CONTINUATION if !self.in_message => return wrong("a continuation of nothing"),
            BINARY if self.in_message => return wrong("a message inside a message"),
            CONTINUATION | BINARY => self.in_message = !last,
            // [MQTT-6.0.0-1]
            TEXT => return Err(Violation { code: code::UNSUPPORTED, text: "MQTT travels in binary frames" }),
            CLOSE | PING | PONG if last && length <= CONTROL_MAX as u64 => {}
            CLOSE | PING | PONG => return wrong("a control frame is too long or split"),
            _ => return wrong("an unknown kind of frame"),
        }
        (self.opcode, self.mask, self.left) = (opcode, mask, length);
        Ok(())
    }
}

/// Removes the mask and turns it to where the next byte begins.
fn unmask(payload: &mut [u8], mask: &mut [u8; 4]) {
    let mut words = payload.chunks_exact_mut(4);
    for word in &mut words {
        for (byte, mask) in word.iter_mut().zip(*mask) {
            *byte ^= mask;
        }
    }
    let rest = words.into_remainder();
    for (byte, mask) in rest.iter_mut().zip(*mask) {
        *byte ^= mask;
    }
    mask.rotate_left(rest.len());
}

/// The header of a binary frame that is a whole message; returns how many of the ten bytes it takes.
pub(super) fn binary_header(length: usize, header: &mut [u8; 10]) -> u8 {
    header[0] = 0x80 | BINARY;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..=125), _) => {
            header[1] = length;
            2
        }
        (_, Ok(length)) => {
            header[1] = 126;
            header[2..4].copy_from_slice(&length.to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    }
}

/// Appends a pong.
pub(super) fn pong(payload: &[u8], out: &mut Vec<u8>) {
    control(PONG, payload, out);
}

/// Appends a close.
pub(super) fn close(code: u16, out: &mut Vec<u8>) {
    control(CLOSE, &code.to_be_bytes(), out);
}

fn control(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(payload.len() <= CONTROL_MAX);
    #[expect(clippy::cast_possible_truncation, reason = "at most 125")]
    out.extend_from_slice(&[0x80 | opcode, payload.len() as u8]);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests;
