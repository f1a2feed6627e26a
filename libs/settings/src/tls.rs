//! The settings of what TLS listeners ask of clients.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "tlsv1.2")]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "tlsv1.3")]
    V1_3,
}

/// Which name of a client's certificate is its user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientName {
    /// The common name (CN) of its subject.
    #[default]
    CommonName,
    /// The one DNS name among its subject alternative names.
    DnsName,
    /// The one e-mail address among its subject alternative names.
    Email,
    /// None: the client must have a certificate and says by password or token who it is.
    None,
}

/// Certificates of clients, for the listeners over TLS. A connection ends when its certificate does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// PEM file: the authorities that sign them; read at the start.
    pub authorities: PathBuf,
    /// Whether clients without one are turned away in the handshake; otherwise they may log in with a password or token.
    #[serde(default = "yes")]
    pub required: bool,
    /// Which of its names is the user: exactly one of that kind must be there, and be a user id. A user name that is given must be the same.
    #[serde(default)]
    pub user_from: ClientName,
}

fn yes() -> bool {
    true
}
