//! MQTT in WebSocket frames: binary messages only, whose borders mean nothing [MQTT-6.0.0-1], [MQTT-6.0.0-2].
//!
//! What is to be sent is buffered by the connection, so one flush is one frame, whose header is written beside it and never copied
//! together with it. Pongs and the close go out between frames.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::frames::{self, Control, Incoming, code};
use crate::connection::buffers;

/// Pongs that wait for a peer that does not read; more are not answered (RFC 6455, 5.5.3 asks only for the latest).
const CONTROL_BYTES: usize = 512;

/// A WebSocket that carries MQTT, after its handshake.
pub(crate) struct WebSocketWire<S> {
    stream: S,
    incoming: Incoming,
    header: [u8; 10],
    /// How much of `header` is to be written, and from where.
    header_end: u8,
    header_sent: u8,
    /// Bytes of the connection's buffer that belong to the frame that has begun.
    frame_left: usize,
    /// Encoded control frames.
    control: Vec<u8>,
    close_sent: bool,
    closed_by_peer: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketWire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            incoming: Incoming::default(),
            header: [0; 10],
            header_end: 0,
            header_sent: 0,
            frame_left: 0,
            control: Vec::new(),
            close_sent: false,
            closed_by_peer: false,
        }
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let before = buffer.len();
        while !self.closed_by_peer {
            // Whether it blocks or fails shows when something is read or written next.
            let _ = self.poll_control(cx);
            let mut raw = buffers::borrow();
            let read = poll_read_buf(Pin::new(&mut self.stream), cx, &mut raw);
            let accepted = self.accept(&mut raw, buffer);
            buffers::give_back(raw);
            let _ = self.poll_control(cx);
            match (read, accepted) {
                (Poll::Pending, _) => return Poll::Pending,
                (Poll::Ready(Err(error)), _) => return Poll::Ready(Err(error)),
                (_, Err(violation)) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation))),
                (Poll::Ready(Ok(0)), _) => return Poll::Ready(Ok(0)),
                (Poll::Ready(Ok(_)), Ok(())) if buffer.len() > before => return Poll::Ready(Ok(buffer.len() - before)),
                (Poll::Ready(Ok(_)), Ok(())) => {}
            }
        }
        Poll::Ready(Ok(0))
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<()>> {
        loop {
            if self.between_frames() {
                ready!(self.poll_control(cx))?;
                if buffer.is_empty() {
                    return Pin::new(&mut self.stream).poll_flush(cx);
                }
                self.header_end = frames::binary_header(buffer.len(), &mut self.header);
                self.header_sent = 0;
                self.frame_left = buffer.len();
            }
            let header = &self.header[usize::from(self.header_sent)..usize::from(self.header_end)];
            let parts = [IoSlice::new(header), IoSlice::new(&buffer[..self.frame_left])];
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &parts))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_header = written.min(header.len());
            #[expect(clippy::cast_possible_truncation, reason = "at most ten")]
            let of_header_byte = of_header as u8;
            self.header_sent += of_header_byte;
            self.frame_left -= written - of_header;
            buffer.advance(written - of_header);
        }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.start_close(code::NORMAL);
        ready!(self.poll_control(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn accept(&mut self, raw: &mut BytesMut, buffer: &mut BytesMut) -> Result<(), frames::Violation> {
        while !raw.is_empty() {
            match self.incoming.accept(raw, buffer) {
                Ok(None) => {}
                Ok(Some(Control::Ping(payload))) => {
                    if self.control.len() < CONTROL_BYTES && !self.close_sent {
                        frames::pong(&payload, &mut self.control);
                    }
                }
                Ok(Some(Control::Close)) => {
                    self.start_close(code::NORMAL);
                    self.closed_by_peer = true;
                    return Ok(());
                }
                Err(violation) => {
                    self.start_close(violation.code);
                    return Err(violation);
                }
            }
        }
        Ok(())
    }

    /// Writes control frames, unless a data frame has begun: then they go behind it.
    fn poll_control(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.control.is_empty() || !self.between_frames() {
            return Poll::Ready(Ok(()));
        }
        while !self.control.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.control))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.control.drain(..written)),
            }
        }
        self.control = Vec::new();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn between_frames(&self) -> bool {
        self.frame_left == 0 && self.header_sent == self.header_end
    }

    fn start_close(&mut self, code: u16) {
        if !std::mem::replace(&mut self.close_sent, true) {
            frames::close(code, &mut self.control);
        }
    }
}
