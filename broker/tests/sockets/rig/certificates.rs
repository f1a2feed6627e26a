//! Certificates for `localhost`, written where a server reads them, and clients that trust exactly one of them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use longwave_broker::listen::tls::CertificateFiles;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Writes a new self-signed certificate for `localhost` and `also`; returns it.
pub(crate) fn write_certificate(directory: &Path, also: &str) -> (CertificateFiles, CertificateDer<'static>) {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), also.to_owned()]).unwrap();
    let files = CertificateFiles { certificate: directory.join("cert.pem"), key: directory.join("key.pem") };
    std::fs::write(&files.certificate, pair.cert.pem()).unwrap();
    std::fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
    (files, pair.cert.der().clone())
}

/// A client configuration that trusts this certificate and offers these protocols.
pub(crate) fn trusting(certificate: &CertificateDer<'static>, alpn: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

pub(crate) async fn dial_tls(address: SocketAddr, config: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    dial_tls_after(&[], address, config).await
}

/// TLS behind bytes in clear: what a balancer says first.
pub(crate) async fn dial_tls_after(
    first: &[u8],
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(first).await?;
    TlsConnector::from(config).connect(ServerName::try_from("localhost").unwrap(), stream).await
}
