//! The two PEM files of a certificate: reading them, and noticing that they have changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::CertificateError;
use crate::x509::not_after;

/// Where a certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the server's certificate first, then those that sign it.
    pub certificate: PathBuf,
    /// PEM: the private key, PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// A certificate in use.
pub(super) struct Loaded {
    pub(super) key: Arc<CertifiedKey>,
    /// Unix time in seconds.
    pub(super) expires: i64,
    pub(super) stamp: Stamp,
}

/// Time of change and length of both files.
pub(super) type Stamp = [Option<(SystemTime, u64)>; 2];

impl CertificateFiles {
    pub(super) fn load(&self) -> Result<Loaded, CertificateError> {
        // Taken before reading: a change in between is noticed later.
        let stamp = self.stamp();
        let certificate = read(&self.certificate)?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| broken(&self.certificate, &describe(&error, "certificate")))?;
        let Some(own) = chain.first() else {
            return Err(broken(&self.certificate, "holds no certificate; it must be PEM, `BEGIN CERTIFICATE`"));
        };
        let expires = not_after(own).ok_or_else(|| broken(&self.certificate, "is not an X.509 certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|error| broken(&self.key, &describe(&error, "private key")))?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                broken(&self.key, "is not the key of the certificate; the two files must belong together")
            }
            other => broken(&self.key, &format!("cannot be used: {other}")),
        })?;
        Ok(Loaded { key: Arc::new(key), expires, stamp })
    }

    pub(super) fn changed_since(&self, loaded: &Loaded) -> bool {
        self.stamp() != loaded.stamp
    }

    pub(super) fn stamp(&self) -> Stamp {
        [&self.certificate, &self.key].map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path)
        .map_err(|error| broken(path, &format!("cannot be read: {error}; check the path and its permissions")))
}

pub(super) fn describe(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("holds no {what}; it must be PEM and not encrypted"),
        other => format!("is not valid PEM: {other}"),
    }
}

pub(super) fn broken(file: &Path, reason: &str) -> CertificateError {
    CertificateError { file: file.to_owned(), reason: reason.to_owned() }
}
