//! Listeners: TCP, TLS, WebSocket, and WebSocket over TLS.

mod accept;
mod forwarded;
mod handshake;
mod pace;
mod proxy;
pub mod tls;
pub(crate) mod visitors;
mod websocket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use longwave_model::{ErrorCode, Network};
use tokio::net::TcpSocket;
use tracing::info;

use crate::broker::Broker;
use tls::{Alpn, TlsReload};

/// Connections that the operating system holds until they are accepted.
const BACKLOG: u32 = 4096;

/// How MQTT travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// MQTT over TCP.
    Tcp,
    /// MQTT over TLS.
    Tls,
    /// MQTT over WebSocket.
    WebSocket,
    /// MQTT over WebSocket over TLS.
    WebSocketTls,
}

/// What a listener is to be.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Where to listen; port 0 = any free port.
    pub address: SocketAddr,
    /// What is spoken there.
    pub transport: Transport,
    /// The path of a WebSocket listener, `/mqtt` by custom.
    pub websocket_path: String,
    /// The web pages from which browsers may come, as `https://chat.example.org`; empty = all. Clients that are no browser name none.
    pub websocket_origins: Vec<String>,
    /// The certificate, for the transports over TLS.
    pub tls: Option<Arc<TlsReload>>,
    /// The balancers in front of it, if any.
    pub proxies: Proxies,
}

/// Balancers that say for whom they connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The networks that they are in: from nowhere else is anything believed.
    pub trusted: Vec<Network>,
    /// Each of their connections begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

impl Proxies {
    fn trust(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// A listener that accepts connections until the broker stops accepting.
#[derive(Debug)]
pub struct Listening {
    /// Where it listens.
    pub local_addr: SocketAddr,
    /// What is spoken there.
    pub transport: Transport,
}

/// Why a listener could not start.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A listener over TLS has no certificate.
    #[error("the TLS listener on {address} has no certificate; set the files of its certificate chain and its key")]
    NoCertificate {
        /// The address.
        address: SocketAddr,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS on {address}: {source}")]
    Tls {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: rustls::Error,
    },
}

impl ListenError {
    /// The number of its page.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Bind { .. } => ErrorCode::ListenFailed,
            Self::NoCertificate { .. } | Self::Tls { .. } => ErrorCode::BadCertificate,
        }
    }
}

impl Transport {
    /// Its name in logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::WebSocket => "websocket",
            Self::WebSocketTls => "websocket-tls",
        }
    }
}

/// Starts a listener.
///
/// # Errors
/// [`ListenError`] with the address and the reason.
pub fn listen(broker: &Arc<Broker>, config: ListenerConfig) -> Result<Listening, ListenError> {
    let address = config.address;
    let acceptor = match (config.transport, &config.tls) {
        (Transport::Tcp | Transport::WebSocket, _) => None,
        (_, None) => return Err(ListenError::NoCertificate { address }),
        (transport, Some(tls)) => {
            let alpn = if transport == Transport::Tls { Alpn::Mqtt } else { Alpn::Http };
            let config = tls.server_config(alpn).map_err(|source| ListenError::Tls { address, source })?;
            Some(tokio_rustls::TlsAcceptor::from(config))
        }
    };
    let listener = bind(address).map_err(|source| ListenError::Bind { address, source })?;
    let local_addr = listener.local_addr().map_err(|source| ListenError::Bind { address, source })?;
    info!(address = %local_addr, transport = config.transport.name(), "listening");
    let shake = handshake::Handshake::new(broker, &config, acceptor);
    tokio::spawn(accept::run(broker.clone(), listener, Arc::new(shake)));
    Ok(Listening { local_addr, transport: config.transport })
}

fn bind(address: SocketAddr) -> std::io::Result<tokio::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
