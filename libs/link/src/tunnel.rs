//! TLS between the MQTT client and a broker.
//!
//! rumqttc takes no stream of ours, and its own TLS brings a webpki with open advisories. So it connects to a socket file of this process,
//! and what passes there is carried over TLS. The file is there for a moment; only this very process is let in.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect_error::ConnectError;
use crate::tls::LinkTls;

/// How long connecting and the handshake may take, together.
const LIMIT: Duration = Duration::from_secs(5);

/// Bytes that are copied in one go: a frame of the usual size.
const BUFFER: usize = 64 * 1024;

/// A TLS connection that waits for the MQTT client.
pub(crate) struct Tunnel {
    remote: TlsStream<TcpStream>,
    listener: UnixListener,
    file: SocketFile,
}

impl Tunnel {
    /// Connects to a broker and checks its certificate.
    ///
    /// # Errors
    /// [`ConnectError`] when it is not there, or is not who it should be.
    pub(crate) async fn open(address: &(String, u16), tls: &LinkTls) -> Result<Self, ConnectError> {
        let remote = match timeout(LIMIT, Box::pin(shake(address, tls))).await {
            Ok(shaken) => shaken?,
            Err(_) => return Err(ConnectError::Away(format!("no TLS within {LIMIT:?}"))),
        };
        let file = SocketFile::new(tls);
        let listener = UnixListener::bind(&file.0)
            .map_err(|error| ConnectError::Here(format!("{}: {error}", file.0.display())))?;
        Ok(Self { remote, listener, file })
    }

    /// Where the MQTT client connects to.
    pub(crate) fn path(&self) -> &str {
        // Settings are UTF-8, and so is what is made of them.
        self.file.0.to_str().unwrap_or_default()
    }

    /// Carries bytes until one side has ended.
    pub(crate) async fn run(self) -> ConnectError {
        let Self { mut remote, listener, file } = self;
        let accepted = accept_ourselves(&listener).await;
        drop((listener, file));
        let carried = match accepted {
            Ok(mut local) => copy_bidirectional_with_sizes(&mut local, &mut remote, BUFFER, BUFFER).await,
            Err(error) => Err(error),
        };
        ConnectError::Lost(carried.map_or_else(|error| error.to_string(), |_| "closed by the broker".to_owned()))
    }
}

async fn shake(address: &(String, u16), tls: &LinkTls) -> Result<TlsStream<TcpStream>, ConnectError> {
    let name = tls.server_name.clone().unwrap_or_else(|| address.0.clone());
    let name = ServerName::try_from(name).map_err(|error| ConnectError::Tls(error.to_string()))?;
    let socket = TcpStream::connect((address.0.as_str(), address.1)).await;
    let socket = socket.map_err(|error| ConnectError::Away(error.to_string()))?;
    socket.set_nodelay(true).map_err(|error| ConnectError::Away(error.to_string()))?;
    let shaken = TlsConnector::from(tls.config.clone()).connect(name, socket).await;
    shaken.map_err(|error| ConnectError::of_handshake(&error))
}

/// Another program that may open the file gets nothing.
async fn accept_ourselves(listener: &UnixListener) -> io::Result<UnixStream> {
    loop {
        let (stream, _) = listener.accept().await?;
        let pid = stream.peer_cred()?.pid();
        if pid.and_then(|pid| u32::try_from(pid).ok()) == Some(std::process::id()) {
            return Ok(stream);
        }
    }
}

/// The file of a socket; removed when this is dropped.
struct SocketFile(PathBuf);

impl SocketFile {
    /// One that nobody else in this process has. What a process that was killed left there is removed.
    fn new(tls: &LinkTls) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Not longer than the name of the operators' socket beside it, because the length of a path is limited.
        let path = tls.directory.join(format!("link.{:x}", COUNT.fetch_add(1, Ordering::Relaxed)));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The next start removes what is left.
        let _ = std::fs::remove_file(&self.0);
    }
}
