//! TLS of connections that Longwave opens: to Cassandra, to Redis, from bridges to brokers. Trust comes from a PEM file that the operator names and from
//! nothing else; the certificates of the system are not asked.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// A file of root certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct RootsError {
    /// The file at fault.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// The certificates of a PEM file, at least one.
///
/// # Errors
/// [`RootsError`] when the file cannot be read, is not PEM, or has no certificate in it.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let unusable = |reason: String| RootsError { file: file.to_owned(), reason };
    let pem = fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| unusable(error.to_string()))?;
    if found.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

/// A client that trusts the certificates of a PEM file, and shows none of its own.
///
/// # Errors
/// [`RootsError`] when the file cannot be read, is not PEM, or has no certificate in it.
pub fn trusting(file: &Path) -> Result<Arc<ClientConfig>, RootsError> {
    let unusable = |reason: String| RootsError { file: file.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("roots.pem");
        assert!(trusting(&file).unwrap_err().to_string().contains("roots.pem: No such file"));
        fs::write(&file, "hello").unwrap();
        assert!(trusting(&file).unwrap_err().to_string().ends_with("there is no certificate in it"));
        fs::write(&file, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
        assert!(trusting(&file).is_err());
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&file, own.cert.pem()).unwrap();
        trusting(&file).unwrap();
    }
}
