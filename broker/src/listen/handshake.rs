//! From an accepted socket to a connection task: TLS and WebSocket handshakes, each in a task of its own that is gone when the
//! connection's task starts, so that no connection keeps the size of its handshake.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tracing::debug;

use super::tls::TlsReload;
use super::{ListenerConfig, Transport, websocket};
use crate::broker::Broker;
use crate::connection::Connection;
use crate::connection::seat::Seat;
use crate::connection::wire::Wire;

/// What a listener does with a socket.
pub(super) struct Handshake {
    transport: Transport,
    tls: Option<TlsAcceptor>,
    /// Follows its files as long as somebody listens with it.
    _certificate: Option<Arc<TlsReload>>,
    websocket: websocket::Rules,
    time: Duration,
}

#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("took too long")]
    TimedOut(#[from] tokio::time::error::Elapsed),
    #[error("TLS: {0}")]
    Tls(#[from] std::io::Error),
    #[error("WebSocket: {0}")]
    WebSocket(#[from] tokio_tungstenite::tungstenite::Error),
}

impl Handshake {
    pub(super) fn new(broker: &Broker, config: &ListenerConfig, tls: Option<TlsAcceptor>) -> Self {
        let limits = &broker.parts.limits;
        Self {
            transport: config.transport,
            tls,
            _certificate: config.tls.clone(),
            websocket: websocket::Rules {
                path: config.websocket_path.clone(),
                origins: config.websocket_origins.clone(),
            },
            time: Duration::from_secs(limits.connect_seconds),
        }
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Spawns what the transport needs, and in the end the connection.
    pub(super) fn start(self: Arc<Self>, stream: TcpStream, seat: Seat) {
        let accepted = seat.broker.clock.now().monotonic;
        if self.transport == Transport::Tcp {
            tokio::spawn(Connection::new(seat, Wire::Tcp(stream), accepted));
            return;
        }
        tokio::spawn(async move {
            let time = self.time;
            let shaken = match tokio::time::timeout(time, Box::pin(self.shake(stream))).await {
                Ok(shaken) => shaken,
                Err(elapsed) => Err(elapsed.into()),
            };
            match shaken {
                Ok(wire) => {
                    tokio::spawn(Connection::new(seat, wire, accepted));
                }
                Err(error) => {
                    seat.broker.stats().handshakes_failed.add(1);
                    debug!(%error, transport = seat.transport().name(), "handshake failed");
                }
            }
        });
    }

    async fn shake(&self, stream: TcpStream) -> Result<Wire, HandshakeError> {
        Ok(match (self.transport, &self.tls) {
            (Transport::WebSocket, _) => Wire::websocket(self.upgrade(stream).await?),
            (Transport::Tls, Some(tls)) => Wire::Tls(Box::new(tls.accept(stream).await?)),
            (Transport::WebSocketTls, Some(tls)) => Wire::websocket_tls(self.upgrade(tls.accept(stream).await?).await?),
            (Transport::Tcp, _) | (_, None) => Wire::Tcp(stream),
        })
    }

    /// tungstenite reads the request, at most 64 KiB of it, refuses what comes behind it too early, and answers. Frames are ours.
    async fn upgrade<S>(&self, stream: S) -> Result<S, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
        let check = |request: &websocket::Request, response| websocket::check(request, response, &self.websocket);
        let small = WebSocketConfig::default().read_buffer_size(256);
        let upgraded = tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(small)).await?;
        Ok(upgraded.into_inner())
    }
}
