//! MQTT in WebSocket frames: binary messages only, whose borders mean nothing [MQTT-6.0.0-1], [MQTT-6.0.0-2].
//!
//! tungstenite's own buffers are kept small: it would reserve 128 KiB in each direction per connection. What is to be sent is buffered by
//! the connection, so one flush is one frame.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::limits::Limits;

/// A WebSocket that carries MQTT.
pub(crate) struct WebSocketWire<S> {
    stream: WebSocketStream<S>,
    shutdown: bool,
}

/// Buffers and limits of a WebSocket.
pub(crate) fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        // One flush at most, which the connection keeps below this, and a pong.
        .max_write_buffer_size(limits.write_buffer_bytes.saturating_mul(2) + 2 * limits.packet_bytes + 64 * 1024)
        .max_message_size(Some(limits.packet_bytes))
        .max_frame_size(Some(limits.packet_bytes))
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketWire<S> {
    pub(super) fn new(stream: WebSocketStream<S>) -> Self {
        Self { stream, shutdown: false }
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        loop {
            let message = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                None => return Poll::Ready(Ok(0)),
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(Err(to_io(error))),
            };
            match message {
                Message::Binary(bytes) if bytes.is_empty() => {}
                Message::Binary(bytes) => {
                    buffer.extend_from_slice(&bytes);
                    return Poll::Ready(Ok(bytes.len()));
                }
                // A server that gets anything but binary data closes the connection [MQTT-6.0.0-1].
                Message::Text(_) => {
                    self.start_close(CloseCode::Unsupported, "MQTT travels in binary frames");
                    let _ = Pin::new(&mut self.stream).poll_flush(cx);
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "text frame")));
                }
                // tungstenite has queued the pong, and the answer to a close; both leave with the next flush.
                Message::Ping(_) | Message::Close(_) => {
                    let _ = Pin::new(&mut self.stream).poll_flush(cx);
                }
                Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(&mut self.stream);
        if !buffer.is_empty() {
            // The frame before must have left: so tungstenite never holds more than one.
            ready!(stream.as_mut().poll_flush(cx)).map_err(to_io)?;
            stream.as_mut().start_send(Message::Binary(buffer.split().freeze())).map_err(to_io)?;
        }
        stream.poll_flush(cx).map_err(to_io)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.start_close(CloseCode::Normal, "");
        ready!(Pin::new(&mut self.stream).poll_flush(cx)).map_err(to_io)?;
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }

    fn start_close(&mut self, code: CloseCode, reason: &'static str) {
        if !std::mem::replace(&mut self.shutdown, true) {
            // Refused when the peer has closed already, which is as good.
            let _ =
                Pin::new(&mut self.stream).start_send(Message::Close(Some(CloseFrame { code, reason: reason.into() })));
        }
    }
}

fn to_io(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => io::ErrorKind::NotConnected.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
