//! What a TLS listener asks of clients: the least version, and certificates.
//!
//! TLS 1.2 with forward secrecy and AEAD ciphers only, and 1.3; nothing older is in rustls. The authorities of client certificates are read
//! once, at the start.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::CertificateError;
use super::files::{broken, describe, read};

const NEWEST: &[&SupportedProtocolVersion] = &[&TLS13];
const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// What is asked of clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsProfile {
    /// Refuse TLS 1.2 as well.
    pub only_1_3: bool,
    /// Ask for certificates.
    pub clients: Option<ClientCertificates>,
}

/// Certificates that clients show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
    /// PEM: the authorities that sign them.
    pub authorities: PathBuf,
    /// Whether a client without one is turned away in the handshake.
    pub required: bool,
}

impl TlsProfile {
    pub(super) fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        if self.only_1_3 { NEWEST } else { BOTH }
    }
}

impl ClientCertificates {
    pub(super) fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
        let file = &self.authorities;
        let pem = read(file)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| broken(file, &describe(&error, "certificate")))?;
            roots.add(certificate).map_err(|error| broken(file, &format!("holds an unusable certificate: {error}")))?;
        }
        if roots.is_empty() {
            return Err(broken(file, "holds no certificate; it must be PEM, `BEGIN CERTIFICATE`"));
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = if self.required { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(|error| broken(file, &format!("cannot be used: {error}")))
    }
}
