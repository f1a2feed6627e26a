//! Who may connect.

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{DeviceId, Refusal, UserId};

/// What a client shows in its CONNECT.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user name field.
    pub user_name: Option<String>,
    /// The password field: a password or a token. Never logged.
    pub password: Option<Bytes>,
    /// The client id, empty when the server shall assign one.
    pub client_id: String,
    /// The certificate of the TLS handshake in DER, verified by the listener.
    pub certificate: Option<Bytes>,
    /// Where the client is, as far as is known.
    pub address: Option<IpAddr>,
}

/// Who a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// The only device that the token may be used on, if it is pinned.
    pub device: Option<DeviceId>,
    /// May act under any `u/{user}/`: a backend or a bot.
    pub service: bool,
    /// Unix time in milliseconds at which the connection is to be closed.
    pub expires_at: Option<u64>,
}

/// Decides who may connect.
#[async_trait]
pub trait Admit: Send + Sync {
    /// Checks what a CONNECT shows.
    ///
    /// # Errors
    /// A [`Refusal`] whose reason says nothing about which part was wrong.
    async fn admit(&self, credentials: Credentials) -> Result<Identity, Refusal>;

    /// Checks a longer-lived token for a connection that is already admitted.
    ///
    /// # Errors
    /// A [`Refusal`] when the token is not valid.
    async fn renew(&self, token: &str) -> Result<Identity, Refusal>;
}

/// Local users.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The argon2id hash of a user's password in PHC string form; `None` when there is no such local user.
    ///
    /// # Errors
    /// A [`Refusal`] (store-unavailable) when it cannot be read.
    async fn password_hash(&self, user: &UserId) -> Result<Option<String>, Refusal>;
}
