//! Local users: registers `user/{name}/password` (argon2id, PHC string) and `user/{name}/profile` (the user is known).

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use longwave_broker::admit::hash_password;
use longwave_model::{ErrorCode, Refusal, UserId};
use longwave_persistence::{Expected, Registers, Store};
use longwave_port::Accounts;

/// Shortest password in bytes that is taken.
const SHORTEST_PASSWORD: usize = 8;

/// The local users of a store.
pub(crate) struct LocalAccounts {
    store: Arc<dyn Store>,
}

impl LocalAccounts {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Adds a user or replaces its password. Hashing takes tens of milliseconds of one core.
    pub(crate) async fn set_password(&self, user: &UserId, password: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            password.len() >= SHORTEST_PASSWORD,
            "the password must have at least {SHORTEST_PASSWORD} bytes"
        );
        let password = password.to_owned();
        let hash = tokio::task::spawn_blocking(move || hash_password(password.as_bytes())).await??;
        self.store.put(&password_key(user), Some(Bytes::from(hash)), Expected::Any).await?;
        // Somebody may connect at the same moment and make the same row: either will do.
        self.store.put(&profile_key(user), Some(Bytes::from_static(b"{}")), Expected::Absent).await?;
        Ok(())
    }

    /// Takes the password away. Says whether there was one.
    pub(crate) async fn remove_password(&self, user: &UserId) -> anyhow::Result<bool> {
        let key = password_key(user);
        let existed = self.store.get(&key).await?.is_some();
        self.store.put(&key, None, Expected::Any).await?;
        Ok(existed)
    }

    /// The users that have a password, in order.
    pub(crate) async fn list(&self) -> anyhow::Result<Vec<String>> {
        let mut users = Vec::new();
        let mut after = String::new();
        loop {
            let rows = self.store.scan("user/", &after, 1_000).await.context("the users cannot be read")?;
            let Some((last, _)) = rows.last() else {
                return Ok(users);
            };
            after.clone_from(last);
            users
                .extend(rows.iter().filter_map(|(key, _)| {
                    key.strip_prefix("user/")?.strip_suffix("/password").map(ToOwned::to_owned)
                }));
        }
    }
}

#[async_trait]
impl Accounts for LocalAccounts {
    async fn password_hash(&self, user: &UserId) -> Result<Option<String>, Refusal> {
        let unavailable = |reason: &'static str| Refusal::new(ErrorCode::StoreUnavailable, reason);
        let row = Registers::get(&*self.store, &password_key(user))
            .await
            .map_err(|_| unavailable("the accounts cannot be read just now"))?;
        row.map(|row| String::from_utf8(row.value.to_vec()))
            .transpose()
            .map_err(|_| unavailable("the account is damaged"))
    }
}

fn password_key(user: &UserId) -> String {
    format!("user/{user}/password")
}

fn profile_key(user: &UserId) -> String {
    format!("user/{user}/profile")
}
