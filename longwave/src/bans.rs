//! Bans: registers `ban/user/{user}`, `ban/device/{user}/{client id}` and `ban/address/{network}`, and the copy that a broker decides by.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use longwave_broker::Broker;
use longwave_broker::bans::{BanList, Banned};
use longwave_model::{DeviceId, UserId};
use longwave_persistence::{Expected, Store};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tracing::warn;

/// How often a broker looks for bans that were made elsewhere.
const REFRESH: Duration = Duration::from_secs(5);
const PREFIX: &str = "ban/";

/// A ban as an operator gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ban {
    #[serde(flatten)]
    pub(crate) on: On,
    /// Unix time in milliseconds at which it ends; absent = never.
    #[serde(default)]
    pub(crate) until: Option<u64>,
    /// For other operators.
    #[serde(default)]
    pub(crate) reason: String,
}

/// What it is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum On {
    Device { user: String, client_id: String },
    User { user: String },
    Address { address: String },
}

impl On {
    /// The key of its register.
    ///
    /// # Errors
    /// When a name is not one.
    fn key(&self) -> anyhow::Result<String> {
        Ok(match self {
            Self::User { user } => format!("{PREFIX}user/{}", UserId::parse(user).context("the user")?),
            Self::Device { user, client_id } => {
                let user = UserId::parse(user).context("the user")?;
                format!("{PREFIX}device/{user}/{}", DeviceId::parse(client_id).context("the client id")?)
            }
            Self::Address { address } => {
                let network: longwave_model::Network =
                    address.parse().map_err(|error| anyhow::anyhow!("{address:?} {error}"))?;
                format!("{PREFIX}address/{network}")
            }
        })
    }

    fn of_key(key: &str) -> Option<Banned> {
        let (kind, name) = key.strip_prefix(PREFIX)?.split_once('/')?;
        match kind {
            "user" => Some(Banned::User(name.to_owned())),
            "device" => {
                let (user, client_id) = name.split_once('/')?;
                Some(Banned::Device { user: user.to_owned(), client_id: client_id.to_owned() })
            }
            "address" => Some(Banned::Address(name.parse().ok()?)),
            _ => None,
        }
    }
}

/// The value of a register.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    until: Option<u64>,
    reason: String,
}

/// The bans of a store.
pub(crate) struct StoredBans {
    store: Arc<dyn Store>,
    changed: Notify,
}

impl StoredBans {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, changed: Notify::new() }
    }

    /// Adds a ban or replaces the one on the same.
    pub(crate) async fn add(&self, ban: &Ban) -> anyhow::Result<()> {
        let row = serde_json::to_vec(&Row { until: ban.until, reason: ban.reason.clone() })?;
        self.store.put(&ban.on.key()?, Some(row.into()), Expected::Any).await?;
        self.changed.notify_one();
        Ok(())
    }

    /// Takes one back. Says whether there was one.
    pub(crate) async fn remove(&self, on: &On) -> anyhow::Result<bool> {
        let key = on.key()?;
        let existed = self.store.get(&key).await?.is_some();
        self.store.put(&key, None, Expected::Any).await?;
        self.changed.notify_one();
        Ok(existed)
    }

    /// All of them, one a line, as people read them.
    pub(crate) async fn list(&self, now: u64) -> anyhow::Result<String> {
        let mut text = String::new();
        for (key, row) in self.rows().await? {
            let what = key.strip_prefix(PREFIX).unwrap_or(&key).replacen('/', " ", 1);
            let end = match row.until {
                None => "for ever".to_owned(),
                Some(until) if until <= now => "over".to_owned(),
                Some(until) => format!("for {} more seconds", (until - now).div_ceil(1_000)),
            };
            let _ = writeln!(text, "{what}  {end}  {}", row.reason);
        }
        Ok(text)
    }

    async fn rows(&self) -> anyhow::Result<Vec<(String, Row)>> {
        let (mut rows, mut after) = (Vec::new(), String::new());
        loop {
            let some = self.store.scan(PREFIX, &after, 1_000).await.context("the bans cannot be read")?;
            let Some((last, _)) = some.last() else { return Ok(rows) };
            after.clone_from(last);
            for (key, row) in some {
                match serde_json::from_slice(&row.value) {
                    Ok(row) => rows.push((key, row)),
                    Err(error) => warn!(key, %error, "a ban that cannot be read does not count"),
                }
            }
        }
    }

    /// Keeps a broker's copy fresh: at once when this process changed something, else within seconds.
    pub(crate) async fn watch(self: Arc<Self>, broker: Arc<Broker>) {
        let mut failing = false;
        loop {
            match self.rows().await {
                Ok(rows) => {
                    let bans = rows
                        .into_iter()
                        .filter_map(|(key, row)| Some((On::of_key(&key)?, row.until.unwrap_or(u64::MAX))));
                    broker.set_bans(BanList::new(bans));
                    failing = false;
                }
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    warn!(error = %format!("{error:#}"), "bans cannot be read; those known count");
                }
                Err(_) => {}
            }
            // Either will do.
            let _ = tokio::time::timeout(REFRESH, self.changed.notified()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_say_what_is_banned() {
        let device = On::Device { user: "bob".into(), client_id: "a/b".into() };
        assert_eq!(device.key().unwrap(), "ban/device/bob/a/b");
        let banned = Banned::Device { user: "bob".into(), client_id: "a/b".into() };
        assert_eq!(On::of_key("ban/device/bob/a/b"), Some(banned));
        assert_eq!(On::User { user: "eve".into() }.key().unwrap(), "ban/user/eve");
        assert_eq!(On::Address { address: "10.0.0.0/8".into() }.key().unwrap(), "ban/address/10.0.0.0/8");
        assert_eq!(On::of_key("ban/address/10.0.0.0/8"), Some(Banned::Address("10.0.0.0/8".parse().unwrap())));
        for wrong in [
            On::User { user: "no one".into() },
            On::Address { address: "host".into() },
            On::Device { user: "bob".into(), client_id: String::new() },
        ] {
            assert!(wrong.key().is_err(), "{wrong:?}");
        }
    }
}
