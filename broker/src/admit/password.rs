//! Local users with passwords. argon2id takes tens of milliseconds and 19 MiB on purpose, so it runs off the network threads, few at a
//! time, and for unknown users as well: how long a refusal takes says nothing about who exists.

use std::num::NonZeroUsize;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{ErrorCode, Refusal, UserId};
use longwave_port::{Accounts, Admit, Credentials, Identity};
use tokio::sync::Semaphore;

/// A password that cannot be hashed.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash the password: {0}")]
pub struct HashError(String);

/// Admits local users.
pub struct PasswordAdmit {
    accounts: Arc<dyn Accounts>,
    /// How many passwords are checked at once; the others wait.
    checks: Arc<Semaphore>,
    /// Stands in for the hash of a user that does not exist.
    nobody: Arc<str>,
}

/// The argon2id hash of a password in PHC string form, for a new local user.
///
/// # Errors
/// [`HashError`] when it is too long, or no random numbers can be had.
pub fn hash_password(password: &[u8]) -> Result<String, HashError> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = Argon2::default().hash_password(password, &salt).map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

impl PasswordAdmit {
    /// Checks against `accounts`, at most `parallel` passwords at once; each takes one core and 19 MiB meanwhile.
    ///
    /// # Errors
    /// [`HashError`] when the stand-in hash cannot be made.
    pub fn new(accounts: Arc<dyn Accounts>, parallel: NonZeroUsize) -> Result<Self, HashError> {
        let checks = Arc::new(Semaphore::new(parallel.get()));
        Ok(Self { accounts, checks, nobody: hash_password(b"nobody has this password")?.into() })
    }

    async fn check(&self, user: &UserId, password: Bytes) -> Result<bool, Refusal> {
        let found = self.accounts.password_hash(user).await?;
        let exists = found.is_some();
        let hash: Arc<str> = found.map_or_else(|| self.nobody.clone(), Arc::from);
        let permit = self.checks.clone().acquire_owned().await.map_err(|_| busy())?;
        let verified = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            verify(&hash, &password)
        });
        Ok(verified.await.map_err(|_| busy())? && exists)
    }
}

#[async_trait]
impl Admit for PasswordAdmit {
    async fn admit(&self, credentials: Credentials) -> Result<Identity, Refusal> {
        let (Some(name), Some(password)) = (credentials.user_name, credentials.password) else {
            return Err(Refusal::new(ErrorCode::BadCredentials, "a user name and a password or token are needed"));
        };
        let user = UserId::parse(&name).map_err(|_| wrong())?;
        if !self.check(&user, password).await? {
            return Err(wrong());
        }
        Ok(Identity { user, device: None, service: false, expires_at: None })
    }

    async fn renew(&self, _token: &str) -> Result<Identity, Refusal> {
        Err(Refusal::new(ErrorCode::BadCredentials, "a login by password does not expire and cannot be renewed"))
    }
}

fn verify(hash: &str, password: &[u8]) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

fn wrong() -> Refusal {
    Refusal::new(ErrorCode::BadCredentials, "user name or password is wrong")
}

fn busy() -> Refusal {
    Refusal::new(ErrorCode::ServerStopping, "the server is stopping")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(String);

    #[async_trait]
    impl Accounts for One {
        async fn password_hash(&self, user: &UserId) -> Result<Option<String>, Refusal> {
            match user.as_str() {
                "bob" => Ok(Some(self.0.clone())),
                "broken" => Ok(Some("not a hash".into())),
                "down" => Err(Refusal::new(ErrorCode::StoreUnavailable, "down")),
                _ => Ok(None),
            }
        }
    }

    async fn admit(user: Option<&str>, password: Option<&'static str>) -> Result<String, ErrorCode> {
        let accounts = Arc::new(One(hash_password(b"secret").unwrap()));
        let admit = PasswordAdmit::new(accounts, NonZeroUsize::MIN).unwrap();
        let credentials = Credentials {
            user_name: user.map(str::to_owned),
            password: password.map(|password| Bytes::from_static(password.as_bytes())),
            client_id: "phone".into(),
            certificate: None,
            address: None,
        };
        admit.admit(credentials).await.map(|identity| identity.user.to_string()).map_err(|refusal| refusal.code)
    }

    #[tokio::test]
    async fn only_the_right_password_gets_in() {
        assert_eq!(admit(Some("bob"), Some("secret")).await, Ok("bob".into()));
        let refused = Err(ErrorCode::BadCredentials);
        assert_eq!(admit(Some("bob"), Some("Secret")).await, refused);
        assert_eq!(admit(Some("bob"), Some("")).await, refused);
        assert_eq!(admit(Some("bob"), None).await, refused);
        assert_eq!(admit(None, Some("secret")).await, refused);
        assert_eq!(admit(Some("eve"), Some("nobody has this password")).await, refused);
        assert_eq!(admit(Some("broken"), Some("secret")).await, refused);
        assert_eq!(admit(Some("b/b"), Some("secret")).await, refused);
        assert_eq!(admit(Some("down"), Some("secret")).await, Err(ErrorCode::StoreUnavailable));
    }

    #[test]
    fn hashes_are_argon2id_and_salted() {
        let (one, two) = (hash_password(b"x").unwrap(), hash_password(b"x").unwrap());
        assert!(one.starts_with("$argon2id$"));
        assert_ne!(one, two);
    }
}
