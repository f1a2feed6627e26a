//! What a bridge needs to reach brokers by TLS: whom it trusts, by which name it knows them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use longwave_model::ErrorCode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// TLS towards brokers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LinkTls {
    pub(crate) config: Arc<ClientConfig>,
    /// The name in the brokers' certificates, if it is not the host.
    pub(crate) server_name: Option<String>,
    /// Where the sockets between the MQTT client and TLS are.
    pub(crate) directory: PathBuf,
}

/// Root certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct RootsError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl RootsError {
    /// The number of its page.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        ErrorCode::BadCertificate
    }
}

impl LinkTls {
    /// Trusts the certificates in this PEM file. `directory` is one that only this process uses, with a short path: sockets lie in it.
    ///
    /// # Errors
    /// [`RootsError`] when there is no usable certificate in the file.
    pub fn load(roots: &Path, server_name: Option<String>, directory: PathBuf) -> Result<Self, RootsError> {
        let unusable = |reason: String| RootsError { file: roots.to_owned(), reason };
        let pem = std::fs::read(roots).map_err(|error| unusable(error.to_string()))?;
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            store.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        if store.is_empty() {
            return Err(unusable("there is no certificate in it".to_owned()));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"mqtt".to_vec()];
        Ok(Self { config: Arc::new(config), server_name, directory })
    }
}
