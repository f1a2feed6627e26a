//! How one provider is reached: connections, time limits, roots of trust. The defaults are for the real services.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::SettingError;

/// Addresses by host name, asked before DNS.
pub type Hosts = BTreeMap<String, Vec<IpAddr>>;

/// How one provider is reached.
#[derive(Debug, Clone)]
pub struct Transport {
    /// HTTP/2 connections per host and application. Default 2; each carries as many requests at once as the provider allows.
    pub connections: usize,
    /// Requests under way at once per application (and per push service, for Web Push). Default 256.
    pub in_flight: usize,
    /// To a TCP connection. Default 5 s.
    pub connect_time: Duration,
    /// From request to the end of the answer, connecting included. Default 15 s.
    pub request_time: Duration,
    /// Silence after which a connection is asked whether it lives; as long again without an answer closes it. Default 20 s.
    pub keep_alive: Duration,
    /// Certificates to trust beside the system's.
    pub root_certificates: Vec<CertificateDer<'static>>,
    /// Addresses by host name, asked before DNS. They are checked like any other.
    pub hosts: Hosts,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            connections: 2,
            in_flight: 256,
            connect_time: Duration::from_secs(5),
            request_time: Duration::from_secs(15),
            keep_alive: Duration::from_secs(20),
            root_certificates: Vec::new(),
            hosts: Hosts::new(),
        }
    }
}

/// A client certificate.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Transport {
    /// The roots of the system and the extra ones. A system without any is an error only if there are no extra ones.
    pub(crate) fn roots(&self) -> Result<Arc<RootCertStore>, SettingError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in &self.root_certificates {
            roots.add(certificate.clone()).map_err(|error| SettingError::new("root_certificates", error))?;
        }
        if roots.is_empty() {
            return Err(SettingError::new("root_certificates", "are empty, and the system has none"));
        }
        Ok(Arc::new(roots))
    }
}

/// TLS with these roots, and with a client certificate if there is one.
pub(crate) fn tls(roots: &Arc<RootCertStore>, identity: Option<Identity>) -> Result<ClientConfig, SettingError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingError::new("TLS", error))?
        .with_root_certificates(Arc::clone(roots));
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(Identity { chain, key }) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| SettingError::new("certificate", error))
        }
    }
}
