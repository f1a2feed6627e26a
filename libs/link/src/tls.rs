//! What a bridge needs to reach brokers by TLS: whom it trusts, by which name it knows them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use longwave_tls::RootsError;
use rustls::ClientConfig;

/// TLS towards brokers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LinkTls {
    pub(crate) config: Arc<ClientConfig>,
    /// The name in the brokers' certificates, if it is not the host.
    pub(crate) server_name: Option<String>,
    /// Where the sockets between the MQTT client and TLS are.
    pub(crate) directory: PathBuf,
}

impl LinkTls {
    /// Trusts the certificates in this PEM file. `directory` is one that only this process uses, with a short path: sockets lie in it.
    ///
    /// # Errors
    /// [`RootsError`] when there is no usable certificate in the file.
    pub fn load(roots: &Path, server_name: Option<String>, directory: PathBuf) -> Result<Self, RootsError> {
        let mut config = ClientConfig::clone(&*longwave_tls::trusting(roots)?);
        config.alpn_protocols = vec![b"mqtt".to_vec()];
        Ok(Self { config: Arc::new(config), server_name, directory })
    }
}
