//! The four ways that bytes travel, behind one face for the connection task: TCP, TLS, WebSocket, WebSocket over TLS.
//!
//! What does not fit into a pointer or two is boxed, so that the many plain TCP connections do not pay for the size of a TLS state.

mod frames;
mod websocket;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::io::{poll_read_buf, poll_write_buf};

use websocket::WebSocketWire;

use super::buffers::READ_CHUNK;

/// An open transport.
pub(crate) enum Wire {
    Tcp(TcpStream),
    /// By way of a balancer.
    TcpBehind(Box<Behind<TcpStream>>),
    Tls(Box<Behind<TlsStream<TcpStream>>>),
    WebSocket(Box<Behind<WebSocketWire<TcpStream>>>),
    WebSocketTls(Box<Behind<WebSocketWire<TlsStream<TcpStream>>>>),
    /// The connection is over.
    Closed,
}

/// A stream, perhaps behind a balancer.
pub(crate) struct Behind<S> {
    stream: S,
    /// Where the client is, when that is not the other end.
    client: Option<IpAddr>,
}

impl Wire {
    /// Plain TCP.
    pub(crate) fn tcp(stream: TcpStream, client: Option<IpAddr>) -> Self {
        match client {
            None => Self::Tcp(stream),
            Some(_) => Self::TcpBehind(Box::new(Behind { stream, client })),
        }
    }

    /// TLS whose handshake is done.
    pub(crate) fn tls(stream: TlsStream<TcpStream>, client: Option<IpAddr>) -> Self {
        Self::Tls(Box::new(Behind { stream, client }))
    }

    /// A WebSocket whose handshake is done.
    pub(crate) fn websocket(stream: TcpStream, client: Option<IpAddr>) -> Self {
        Self::WebSocket(Box::new(Behind { stream: WebSocketWire::new(stream), client }))
    }

    /// A WebSocket over TLS whose handshakes are done.
    pub(crate) fn websocket_tls(stream: TlsStream<TcpStream>, client: Option<IpAddr>) -> Self {
        Self::WebSocketTls(Box::new(Behind { stream: WebSocketWire::new(stream), client }))
    }

    /// Where the client is, if the socket still knows: where a trusted balancer says, else the other end. That one is asked of the
    /// socket each time, which is seldom: to keep it would cost every connection 17 bytes.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        let (stream, client) = match self {
            Self::Tcp(stream) => (stream, None),
            Self::TcpBehind(behind) => (&behind.stream, behind.client),
            Self::Tls(behind) => (behind.stream.get_ref().0, behind.client),
            Self::WebSocket(behind) => (behind.stream.stream(), behind.client),
            Self::WebSocketTls(behind) => (behind.stream.stream().get_ref().0, behind.client),
            Self::Closed => return None,
        };
        client.or_else(|| stream.peer_addr().ok().map(|address| address.ip().to_canonical()))
    }

    /// The certificate that the client showed in the TLS handshake, in DER.
    pub(crate) fn certificate(&self) -> Option<Bytes> {
        let tls = match self {
            Self::Tls(behind) => &behind.stream,
            Self::WebSocketTls(behind) => behind.stream.stream(),
            Self::Tcp(_) | Self::TcpBehind(_) | Self::WebSocket(_) | Self::Closed => return None,
        };
        tls.get_ref().1.peer_certificates()?.first().map(|own| Bytes::copy_from_slice(own))
    }

    /// Appends what has arrived to `buffer`. 0 = the peer has closed.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => read_stream(stream, cx, buffer),
            Self::TcpBehind(behind) => read_stream(&mut behind.stream, cx, buffer),
            Self::Tls(behind) => read_stream(&mut behind.stream, cx, buffer),
            Self::WebSocket(behind) => behind.stream.poll_read(cx, buffer),
            Self::WebSocketTls(behind) => behind.stream.poll_read(cx, buffer),
            Self::Closed => Poll::Ready(Ok(0)),
        }
    }

    /// Hands all of `buffer` to the operating system. Pending leaves in it what was not taken yet; the transport itself may hold
    /// more, so ask again until ready.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => write_stream(stream, cx, buffer, false),
            Self::TcpBehind(behind) => write_stream(&mut behind.stream, cx, buffer, false),
            Self::Tls(behind) => write_stream(&mut behind.stream, cx, buffer, true),
            Self::WebSocket(behind) => behind.stream.poll_flush(cx, buffer),
            Self::WebSocketTls(behind) => behind.stream.poll_flush(cx, buffer),
            Self::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Says that nothing more will be written: a WebSocket Close, a TLS close_notify, a FIN.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::TcpBehind(behind) => Pin::new(&mut behind.stream).poll_shutdown(cx),
            Self::Tls(behind) => Pin::new(&mut behind.stream).poll_shutdown(cx),
            Self::WebSocket(behind) => behind.stream.poll_shutdown(cx),
            Self::WebSocketTls(behind) => behind.stream.poll_shutdown(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}

fn read_stream<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    if buffer.capacity() - buffer.len() < READ_CHUNK / 4 {
        buffer.reserve(READ_CHUNK);
    }
    poll_read_buf(Pin::new(stream), cx, buffer)
}

fn write_stream<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
    flush: bool,
) -> Poll<io::Result<()>> {
    while !buffer.is_empty() {
        match poll_write_buf(Pin::new(&mut *stream), cx, buffer) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
    }
    // TLS keeps records of its own; a TCP flush does nothing.
    if flush { Pin::new(stream).poll_flush(cx) } else { Poll::Ready(Ok(())) }
}
