//! The JSON file of a Google service account.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use crate::send::{Secret, SettingError};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// Seconds for which an assertion is valid; Google takes no more than an hour.
const VALID: u64 = 3600;

/// A Google service account, as its JSON file says (`type: service_account`).
#[derive(Clone)]
pub struct ServiceAccount(Arc<Account>);

struct Account {
    project: String,
    email: String,
    key_id: Option<String>,
    key: EncodingKey,
    token_uri: String,
}

#[derive(Deserialize)]
struct File {
    project_id: String,
    client_email: String,
    private_key_id: Option<String>,
    private_key: String,
    token_uri: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

impl ServiceAccount {
    /// From the file's content.
    ///
    /// # Errors
    /// When a field is missing, the key is no RSA key, or the token endpoint is not https. The error shows no secret.
    pub fn from_json(json: &Secret) -> Result<Self, SettingError> {
        // The parser's message may quote a value, so only the place is kept.
        let file: File = serde_json::from_str(json.expose()).map_err(|error| {
            SettingError::new("service account", format!("is not complete (line {})", error.line()))
        })?;
        let key = EncodingKey::from_rsa_pem(file.private_key.as_bytes())
            .map_err(|_| SettingError::new("service account", "has no RSA key in PEM as private_key"))?;
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        if file.project_id.is_empty() || !plain(&file.project_id) {
            return Err(SettingError::new("service account", "has no usable project_id"));
        }
        if !file.token_uri.starts_with("https://") {
            return Err(SettingError::new("service account", "has a token_uri that is not https"));
        }
        Ok(Self(Arc::new(Account {
            project: file.project_id,
            email: file.client_email,
            key_id: file.private_key_id,
            key,
            token_uri: file.token_uri,
        })))
    }

    /// The project's id.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.0.project
    }

    pub(super) fn token_uri(&self) -> &str {
        &self.0.token_uri
    }

    /// The assertion of the JWT-bearer grant (RFC 7523, 2.1), as "Using OAuth 2.0 for Server to Server Applications" has it.
    pub(super) fn assertion(&self, now: u64) -> Option<String> {
        let account = &*self.0;
        let mut header = Header::new(Algorithm::RS256);
        header.kid = account.key_id.clone();
        let claims = Claims { iss: &account.email, scope: SCOPE, aud: &account.token_uri, iat: now, exp: now + VALID };
        jsonwebtoken::encode(&header, &claims, &account.key).ok()
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("project", &self.0.project).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_without_showing_the_key() {
        for (json, problem) in [
            ("{}", "service account is not complete (line 1)"),
            (
                r#"{"project_id":"p","client_email":"e","private_key":"hush","token_uri":"https://t"}"#,
                "service account has no RSA key in PEM as private_key",
            ),
        ] {
            assert_eq!(ServiceAccount::from_json(&Secret::new(json)).unwrap_err().to_string(), problem);
        }
    }
}
