//! What is set for Apple.

use std::fmt;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::send::transport::Identity;
use crate::send::{AppId, Es256Key, Secret, SettingError, Transport};

/// Apple's services, and our applications there.
#[derive(Debug, Clone)]
pub struct ApnsSettings {
    /// Base URL for devices of [`crate::send::Environment::Production`]. Default Apple's.
    pub production: String,
    /// Base URL for devices of [`crate::send::Environment::Sandbox`]. Default Apple's.
    pub sandbox: String,
    /// How both are reached.
    pub transport: Transport,
    /// The applications.
    pub apps: Vec<ApnsApp>,
}

impl Default for ApnsSettings {
    fn default() -> Self {
        Self {
            production: "https://api.push.apple.com".into(),
            sandbox: "https://api.sandbox.push.apple.com".into(),
            transport: Transport::default(),
            apps: Vec::new(),
        }
    }
}

/// One application.
#[derive(Debug, Clone)]
pub struct ApnsApp {
    /// Its name in our settings.
    pub app: AppId,
    /// Its bundle id. Calls go to the same with `.voip`.
    pub topic: String,
    /// How we show that we may push to it.
    pub auth: ApnsAuth,
}

/// How we show that we may push to an application.
#[derive(Clone)]
pub enum ApnsAuth {
    /// A key of a team, with which we sign tokens.
    Token {
        /// The team's id, ten characters.
        team: String,
        /// The key's id, ten characters.
        key_id: String,
        /// The key.
        key: Es256Key,
    },
    /// A certificate of the application.
    Certificate {
        /// The certificate and those between it and Apple's root, in PEM.
        chain: String,
        /// Its key in PEM.
        key: Secret,
    },
}

impl ApnsAuth {
    pub(super) fn identity(&self) -> Result<Option<Identity>, SettingError> {
        let Self::Certificate { chain, key } = self else {
            return Ok(None);
        };
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| SettingError::new("certificate", error))?;
        let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
            .map_err(|_| SettingError::new("certificate's key", "is not valid PEM"))?;
        Ok(Some(Identity { chain, key }))
    }
}

impl fmt::Debug for ApnsAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token { team, key_id, .. } => {
                f.debug_struct("Token").field("team", team).field("key_id", key_id).finish_non_exhaustive()
            }
            Self::Certificate { .. } => f.write_str("Certificate"),
        }
    }
}
