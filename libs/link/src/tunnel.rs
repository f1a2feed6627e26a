//! TLS for a bridge's MQTT client. Its crate's own TLS needs an old webpki with open advisories (docs/adr/0008); so the client speaks through a
//! Unix socket, and a task carries that over TLS. The socket lies in the process's own data directory, serves one connection and is gone
//! as soon as that is there.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// How a bridge reaches brokers over TLS.
#[derive(Debug, Clone)]
pub struct LinkTls {
    /// Whom it trusts.
    pub trust: Arc<ClientConfig>,
    /// The name that brokers' certificates have to be for; `None` = the host of each one's address.
    pub server_name: Option<String>,
    /// Where sockets may lie; nobody else may write there.
    pub directory: PathBuf,
}

/// A TLS connection with a socket at its near end.
#[derive(Debug)]
pub(crate) struct Tunnel {
    /// Where the client connects to.
    pub(crate) socket: PathBuf,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// Connects, and checks the certificate.
    ///
    /// # Errors
    /// Why it could not, for people.
    pub(crate) async fn open(address: &(String, u16), tls: &LinkTls) -> Result<Self, String> {
        let (host, port) = address;
        let name = tls.server_name.as_ref().unwrap_or(host);
        let name = ServerName::try_from(name.clone()).map_err(|error| format!("{name}: {error}"))?;
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut far = TlsConnector::from(tls.trust.clone())
            .connect(name, stream)
            .await
            .map_err(|error| format!("{error}; see link.root_certificates and link.server_name (error 5007)"))?;
        let socket = tls.directory.join(format!("link-{:016x}.sock", rand::random::<u64>()));
        let listener = UnixListener::bind(&socket).map_err(|error| format!("{}: {error}", socket.display()))?;
        let path = socket.clone();
        let task = tokio::spawn(async move {
            let Ok((mut near, _)) = listener.accept().await else { return };
            drop(listener);
            // What is left of it harms nobody: its name is not used again.
            let _ = fs::remove_file(path);
            // An end of either side ends the other, and that is noticed there.
            let _ = copy_bidirectional(&mut near, &mut far).await;
        });
        Ok(Self { socket, task })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
        // Gone already if the client came.
        let _ = fs::remove_file(&self.socket);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::Path;
    use std::time::Duration;

    use longwave_model::ShardId;
    use longwave_port::{Completion, Gate, Publish};
    use rcgen::CertifiedKey;
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio::sync::{oneshot, watch};
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::client::{Client, ClientSettings, Served};

    struct Nobody;

    impl Gate for Nobody {
        fn publish(&self, _: Publish, completion: Completion) {
            drop(completion);
        }
    }

    impl Served for Nobody {
        fn own(&self, _: &[ShardId]) {}
    }

    /// A server that tells the first byte that a client says inside TLS.
    async fn server(name: &str, roots: &Path) -> (SocketAddr, oneshot::Receiver<u8>) {
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        fs::write(roots, cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![cert.der().clone()], key.into())
                .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, first) = oneshot::channel();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let byte = stream.read_u8().await.unwrap();
                    return told.send(byte).unwrap();
                }
            }
        });
        (address, first)
    }

    fn client(
        address: SocketAddr,
        roots: &Path,
        server_name: Option<&str>,
        directory: &Path,
        leaving: &watch::Sender<bool>,
    ) -> Client {
        let tls = LinkTls {
            trust: longwave_tls::trusting(roots).unwrap(),
            server_name: server_name.map(str::to_owned),
            directory: directory.to_owned(),
        };
        let settings = ClientSettings { name: "b".to_owned(), secret: "secret".to_owned(), tls: Some(tls) };
        Client::start((address.ip().to_string(), address.port()), settings, Arc::new(Nobody), leaving.subscribe())
    }

    #[tokio::test]
    async fn mqtt_goes_through_and_no_socket_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let roots = directory.path().join("roots.pem");
        let (address, first) = server("brokers.example", &roots).await;
        let leaving = watch::Sender::new(false);
        let client = client(address, &roots, Some("brokers.example"), directory.path(), &leaving);
        assert_eq!(first.await.unwrap(), 0x10, "a CONNECT");
        drop(client);
        while fs::read_dir(directory.path()).unwrap().count() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_broker_that_is_not_trusted_hears_nothing_and_the_reason_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let (own, other) = (directory.path().join("own.pem"), directory.path().join("other.pem"));
        let (_, _) = server("brokers.example", &other).await;
        for (trust, name, reason) in
            [(&other, Some("brokers.example"), "invalid peer certificate"), (&own, None, "not valid for name")]
        {
            let (address, mut first) = server("brokers.example", &own).await;
            let leaving = watch::Sender::new(false);
            let client = client(address, trust, name, directory.path(), &leaving);
            let trouble = loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                if let Some(trouble) = client.trouble() {
                    break trouble;
                }
            };
            assert!(trouble.contains(reason) && trouble.contains("(error 5007)"), "{trouble}");
            assert!(!client.is_connected());
            assert!(first.try_recv().is_err());
        }
    }
}
