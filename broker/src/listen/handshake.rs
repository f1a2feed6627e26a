//! From an accepted socket to a connection task: TLS and WebSocket handshakes, each in a task of its own that is gone when the
//! connection's task starts, so that no connection keeps the size of its handshake.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tracing::debug;

use super::proxy::{self, ProxyError};
use super::tls::TlsReload;
use super::{ListenerConfig, Proxies, Transport, forwarded, websocket};
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
    proxies: Proxies,
    time: Duration,
}

#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("PROXY header: {0}")]
    Proxy(#[from] ProxyError),
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
            proxies: config.proxies.clone(),
            time: Duration::from_secs(limits.connect_seconds),
        }
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Spawns what the transport needs, and in the end the connection.
    pub(super) fn start(self: Arc<Self>, stream: TcpStream, seat: Seat, peer: IpAddr) {
        let accepted = seat.broker.clock.now().monotonic;
        if self.transport == Transport::Tcp && !self.expects_header(peer) && !seat.broker.visitors.are_counted() {
            tokio::spawn(Connection::new(seat, Wire::Tcp(stream), accepted));
            return;
        }
        tokio::spawn(async move {
            let time = self.time;
            let shaken = match tokio::time::timeout(time, Box::pin(self.shake(&seat.broker, stream, peer))).await {
                Ok(shaken) => shaken,
                Err(elapsed) => Err(elapsed.into()),
            };
            match shaken {
                Ok(wire) if wire.client().is_some_and(|client| is_banned(&seat, client)) => {
                    seat.broker.stats().banned.add(1);
                }
                Ok(wire) => {
                    tokio::spawn(Connection::new(seat, wire, accepted));
                }
                Err(error) => {
                    seat.broker.stats().handshakes_failed.add(1);
                    debug!(%error, %peer, transport = seat.transport().name(), "handshake failed");
                }
            }
        });
    }

    fn expects_header(&self, peer: IpAddr) -> bool {
        self.proxies.proxy_protocol && self.proxies.trust(peer)
    }

    async fn shake(&self, broker: &Broker, mut stream: TcpStream, peer: IpAddr) -> Result<Wire, HandshakeError> {
        let mut client = if self.expects_header(peer) { proxy::read(&mut stream).await? } else { None };
        wait_for_turn(broker, client.unwrap_or(peer)).await;
        Ok(match (self.transport, &self.tls) {
            (Transport::WebSocket, _) => Wire::websocket(self.upgrade(stream, peer, &mut client).await?, client),
            (Transport::Tls, Some(tls)) => Wire::tls(tls.accept(stream).await?, client),
            (Transport::WebSocketTls, Some(tls)) => {
                let stream = tls.accept(stream).await?;
                Wire::websocket_tls(self.upgrade(stream, peer, &mut client).await?, client)
            }
            (Transport::Tcp, _) | (_, None) => Wire::tcp(stream, client),
        })
    }

    /// tungstenite reads the request, at most 64 KiB of it, refuses what comes behind it too early, and answers. Frames are ours.
    async fn upgrade<S>(&self, stream: S, peer: IpAddr, client: &mut Option<IpAddr>) -> Result<S, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
        let check = |request: &websocket::Request, response| {
            let trust = |address| self.proxies.trust(address);
            // Of several proxies the one in front of us spoke the PROXY protocol, and those before it wrote the header.
            if let Some(forwarded) = forwarded::client(request.headers(), client.unwrap_or(peer), trust) {
                *client = Some(forwarded);
            }
            websocket::check(request, response, &self.websocket)
        };
        let small = WebSocketConfig::default().read_buffer_size(256);
        let upgraded = tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(small)).await?;
        Ok(upgraded.into_inner())
    }
}

/// Waits while there were too many from this address; the time of the handshake bounds it.
async fn wait_for_turn(broker: &Broker, client: IpAddr) {
    let wait = broker.visitors.connect(client, broker.clock.now().monotonic);
    if !wait.is_zero() {
        broker.stats().visitors_slowed.add(1);
        tokio::time::sleep(wait).await;
    }
}

fn is_banned(seat: &Seat, client: IpAddr) -> bool {
    seat.broker.bans.address(client, seat.broker.clock.now().unix)
}
