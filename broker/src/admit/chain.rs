//! A certificate, a token or a password: the certificate if there is one, else whichever the password field looks like.

use std::sync::Arc;

use async_trait::async_trait;
use longwave_model::{ErrorCode, Refusal};
use longwave_port::{Admit, Credentials, Identity};

use super::jwt::looks_like_a_token;
use super::{CertificateAdmit, HookAdmit, JwtAdmit, PasswordAdmit};

/// Admits by client certificate where these name users and one is shown, by token where tokens are configured and one is shown, else by a hook if there is one, else by password where there are local users.
pub struct ChainAdmit {
    tokens: Option<Arc<JwtAdmit>>,
    passwords: Option<Arc<PasswordAdmit>>,
    hook: Option<HookAdmit>,
    certificates: Option<CertificateAdmit>,
}

impl ChainAdmit {
    /// With what is configured; with nothing, nobody gets in.
    #[must_use]
    pub fn new(tokens: Option<Arc<JwtAdmit>>, passwords: Option<Arc<PasswordAdmit>>) -> Self {
        Self { tokens, passwords, hook: None, certificates: None }
    }

    /// And a hook, which is asked in place of the local users.
    #[must_use]
    pub fn with_hook(self, hook: HookAdmit) -> Self {
        Self { hook: Some(hook), ..self }
    }

    /// And client certificates, which name users in this way.
    #[must_use]
    pub fn with_certificates(self, certificates: CertificateAdmit) -> Self {
        Self { certificates: Some(certificates), ..self }
    }
}

#[async_trait]
impl Admit for ChainAdmit {
    async fn admit(&self, credentials: Credentials) -> Result<Identity, Refusal> {
        if let (Some(certificates), Some(shown)) = (&self.certificates, &credentials.certificate) {
            return certificates.identify(shown, &credentials);
        }
        let token = credentials.password.as_ref().is_some_and(|password| looks_like_a_token(password));
        if let Some(hook) = &self.hook
            && !(token && self.tokens.is_some())
        {
            return hook.admit(credentials).await;
        }
        match (&self.tokens, &self.passwords) {
            (Some(tokens), _) if token => tokens.admit(credentials).await,
            (_, Some(passwords)) => passwords.admit(credentials).await,
            (Some(tokens), None) => tokens.admit(credentials).await,
            (None, None) => Err(Refusal::new(ErrorCode::BadCredentials, "no way to log in is configured")),
        }
    }

    async fn renew(&self, token: &str) -> Result<Identity, Refusal> {
        match &self.tokens {
            Some(tokens) => tokens.renew(token).await,
            None => Err(Refusal::new(ErrorCode::BadCredentials, "tokens are not configured")),
        }
    }
}
