//! A certificate authority that lives as long as the process: nothing is written, nothing expires in a repository.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::FakeError;

/// A certificate authority for `localhost` and for clients.
pub struct Authority {
    root: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn new() -> Result<Self, FakeError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Longwave fake push");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let root = params.self_signed(&key)?;
        Ok(Self { root: root.der().clone(), pem: root.pem(), issuer: Issuer::new(params, key) })
    }

    /// The root certificate, for [`crate::send::Transport::root_certificates`].
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// The root certificate in PEM.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.pem
    }

    /// A client certificate and its key, both in PEM, as an application has them from Apple.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn client(&self, name: &str) -> Result<(String, String), FakeError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
    }

    /// TLS for `localhost` and these names, HTTP/2 alone; takes client certificates of this authority, and clients without one.
    pub(super) fn server(&self, names: &[String]) -> Result<ServerConfig, FakeError> {
        let names = [&["localhost".to_owned(), "127.0.0.1".to_owned()], names].concat();
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).map_err(|_| FakeError::Key)?;
        let mut roots = RootCertStore::empty();
        roots.add(self.root())?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}
