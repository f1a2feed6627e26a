//! Signed tokens (RFC 7519) in the password field: `sub` is the user, `exp` ends the connection, `device` pins it, `service` widens it.
//!
//! A key is good for exactly one algorithm, decided by what the key is and never by what the token says, so an RSA public key
//! cannot be used as an HMAC secret.

mod jwks;
mod keys;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use longwave_model::{DeviceId, ErrorCode, Refusal, UserId};
use longwave_port::{Admit, Credentials, Identity};
use serde::Deserialize;

use crate::stats::BrokerStats;
use jwks::Jwks;
pub use jwks::JwksSettings;
use keys::Keys;

/// What a token must say besides being signed and not expired.
#[derive(Debug, Clone)]
pub struct TokenRules {
    /// The `iss` it must have, if any.
    pub issuer: Option<String>,
    /// The `aud` of which it must have one, if any.
    pub audiences: Vec<String>,
    /// Seconds by which clocks may differ.
    pub leeway_seconds: u64,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self { issuer: None, audiences: Vec::new(), leeway_seconds: 30 }
    }
}

/// Settings of admission that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{source_name}: {reason}")]
pub struct AdmitError {
    /// The file or URL at fault.
    pub source_name: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl AdmitError {
    /// The number of its page.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        ErrorCode::BadSetting
    }

    pub(super) fn new(source_name: impl ToString, reason: impl ToString) -> Self {
        Self { source_name: source_name.to_string(), reason: reason.to_string() }
    }
}

/// Admits by token.
pub struct JwtAdmit {
    source: Source,
    rules: TokenRules,
}

enum Source {
    File(Keys),
    Url(Arc<Jwks>),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    device: Option<String>,
    #[serde(default)]
    service: bool,
}

impl JwtAdmit {
    /// With one key: a PEM public key (RSA for RS256, P-256 for ES256, Ed25519 for EdDSA), or a file with a secret of at least 32
    /// bytes for HS256.
    ///
    /// # Errors
    /// [`AdmitError`] with the file and what is wrong with it.
    pub fn from_key_file(path: &Path, rules: TokenRules) -> Result<Self, AdmitError> {
        Ok(Self { source: Source::File(Keys::from_file(path)?), rules })
    }

    /// With the keys at a URL (RFC 7517), fetched now and from time to time. A URL that cannot be reached yet is no error: until it
    /// answers, tokens are refused. Needs a running tokio runtime.
    ///
    /// # Errors
    /// [`AdmitError`] when the URL or the root certificates cannot be used.
    pub async fn from_jwks(
        settings: JwksSettings,
        rules: TokenRules,
        stats: Arc<BrokerStats>,
    ) -> Result<Self, AdmitError> {
        Ok(Self { source: Source::Url(Jwks::start(settings, stats).await?), rules })
    }

    async fn check(&self, token: &str) -> Result<Identity, Refusal> {
        let header = decode_header(token).map_err(|_| invalid())?;
        let kid = header.kid.as_deref();
        let key = match &self.source {
            Source::File(keys) => keys.find(kid, header.alg),
            Source::Url(jwks) => jwks.find(kid, header.alg).await?,
        };
        let key = key.ok_or_else(invalid)?;
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = self.rules.leeway_seconds;
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub"];
        if let Some(issuer) = &self.rules.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.validate_aud = !self.rules.audiences.is_empty();
        if validation.validate_aud {
            validation.set_audience(&self.rules.audiences);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        let claims = decode::<Claims>(token, &key.key, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Refusal::new(ErrorCode::TokenExpired, "the token has expired"),
            _ => invalid(),
        })?;
        self.identity(claims.claims)
    }

    fn identity(&self, claims: Claims) -> Result<Identity, Refusal> {
        let user = UserId::parse(&claims.sub).map_err(|error| {
            Refusal::new(ErrorCode::BadCredentials, format!("the token's sub is not a user id: {error}"))
        })?;
        let device = claims.device.as_deref().map(DeviceId::parse).transpose().map_err(|error| {
            Refusal::new(ErrorCode::BadDeviceId, format!("the token's device is not a device id: {error}"))
        })?;
        // Saturating: a far future in a token is a far future.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float to integer casts saturate")]
        let expires = claims.exp as u64;
        let expires_at = expires.saturating_add(self.rules.leeway_seconds).saturating_mul(1_000);
        Ok(Identity { user, device, service: claims.service, expires_at: Some(expires_at) })
    }
}

#[async_trait]
impl Admit for JwtAdmit {
    async fn admit(&self, credentials: Credentials) -> Result<Identity, Refusal> {
        let token = credentials.password.as_deref().and_then(|password| std::str::from_utf8(password).ok());
        let Some(token) = token else {
            return Err(Refusal::new(ErrorCode::BadCredentials, "a token is needed in the password field"));
        };
        let identity = self.check(token).await?;
        if credentials.user_name.is_some_and(|name| !name.is_empty() && name != identity.user.as_str()) {
            return Err(Refusal::new(ErrorCode::BadCredentials, "the user name is not the token's sub"));
        }
        Ok(identity)
    }

    async fn renew(&self, token: &str) -> Result<Identity, Refusal> {
        self.check(token).await
    }
}

/// Three parts in base64url, the first of which begins like a JSON object.
pub(super) fn looks_like_a_token(password: &[u8]) -> bool {
    let base64url =
        |part: &[u8]| !part.is_empty() && part.iter().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(c));
    let mut parts = password.split(|c| *c == b'.');
    password.starts_with(b"eyJ")
        && parts.by_ref().take(3).filter(|part| base64url(part)).count() == 3
        && parts.next().is_none()
}

fn invalid() -> Refusal {
    Refusal::new(ErrorCode::BadCredentials, "the token is not valid here")
}

#[cfg(test)]
mod tests;
