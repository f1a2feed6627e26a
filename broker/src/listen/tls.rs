//! TLS for listeners: certificate and key from PEM files, taken anew when the files change, without touching open connections.
//!
//! What is exchanged is the key inside a resolver; the rustls configuration, and with it the session tickets, stays.

mod files;
mod profile;

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use longwave_model::ErrorCode;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use tracing::{error, info};

use crate::stats::BrokerStats;
pub use files::CertificateFiles;
use files::Loaded;
pub use profile::{ClientCertificates, TlsProfile};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// What is negotiated inside TLS, when the client offers anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// MQTT itself.
    Mqtt,
    /// A WebSocket handshake.
    Http,
}

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct CertificateError {
    /// The file at fault.
    pub file: PathBuf,
    /// What is wrong with it and what to do.
    pub reason: String,
}

impl CertificateError {
    /// The number of its page.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        ErrorCode::BadCertificate
    }
}

/// A certificate that follows its files.
pub struct TlsReload {
    files: CertificateFiles,
    resolver: Arc<Current>,
    loaded: Mutex<Loaded>,
    stats: Arc<BrokerStats>,
    profile: TlsProfile,
    verifier: Arc<dyn ClientCertVerifier>,
    provider: Arc<CryptoProvider>,
}

struct Current(ArcSwap<CertifiedKey>);

impl TlsReload {
    /// As [`Self::load_with`], asking clients for nothing.
    ///
    /// # Errors
    /// [`CertificateError`] with the file and what is wrong with it.
    pub fn load(files: CertificateFiles, stats: Arc<BrokerStats>) -> Result<Arc<Self>, CertificateError> {
        Self::load_with(files, TlsProfile::default(), stats)
    }

    /// Loads the files, and looks at them every few seconds from now on; it needs a running tokio runtime.
    ///
    /// # Errors
    /// [`CertificateError`] with the file and what is wrong with it.
    pub fn load_with(
        files: CertificateFiles,
        profile: TlsProfile,
        stats: Arc<BrokerStats>,
    ) -> Result<Arc<Self>, CertificateError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = match &profile.clients {
            Some(clients) => clients.verifier(provider.clone())?,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let loaded = files.load()?;
        stats.certificate_expires.set(loaded.expires);
        info!(certificate = %files.certificate.display(), expires = loaded.expires, "certificate loaded");
        let resolver = Arc::new(Current(ArcSwap::new(loaded.key.clone())));
        let loaded = Mutex::new(loaded);
        let reload = Arc::new(Self { files, resolver, loaded, stats, profile, verifier, provider });
        tokio::spawn(follow(Arc::downgrade(&reload)));
        Ok(reload)
    }

    /// Loads the files if they have changed; true when a new certificate is in use. If they cannot be used the old one stays.
    ///
    /// # Errors
    /// [`CertificateError`], which has been logged and counted.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let mut loaded = self.loaded.lock();
        if !self.files.changed_since(&loaded) {
            return Ok(false);
        }
        match self.files.load() {
            Ok(new) => {
                self.stats.certificate_expires.set(new.expires);
                info!(certificate = %self.files.certificate.display(), expires = new.expires, "certificate reloaded");
                self.resolver.0.store(new.key.clone());
                *loaded = new;
                Ok(true)
            }
            Err(failed) => {
                // Tried again only when the files change once more: one line in the log per fault.
                loaded.stamp = self.files.stamp();
                self.stats.certificate_errors.add(1);
                error!(
                    code = failed.code().number(),
                    file = %failed.file.display(),
                    reason = %failed.reason,
                    "certificate not reloaded; the old one stays in use"
                );
                Err(failed)
            }
        }
    }

    /// A rustls configuration that always shows the current certificate.
    ///
    /// # Errors
    /// When the cryptography library cannot be set up.
    pub fn server_config(&self, alpn: Alpn) -> Result<Arc<ServerConfig>, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(self.profile.versions())?
            .with_client_cert_verifier(self.verifier.clone())
            .with_cert_resolver(self.resolver.clone());
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.alpn_protocols = match alpn {
            Alpn::Mqtt => vec![b"mqtt".to_vec()],
            Alpn::Http => vec![b"http/1.1".to_vec()],
        };
        Ok(Arc::new(config))
    }
}

async fn follow(reload: Weak<TlsReload>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(reload) = reload.upgrade() else { return };
        // Files may be on a slow disk: not on a network thread.
        let _ = tokio::task::spawn_blocking(move || reload.reload()).await;
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Current")
    }
}

impl std::fmt::Debug for TlsReload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsReload").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
