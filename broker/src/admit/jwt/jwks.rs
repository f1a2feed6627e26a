//! Keys behind a URL: kept while the URL is down, refreshed now and then, and at once when a token names an unknown key (but not more often
//! than a minimum interval, so that forged tokens cannot make us hammer the URL).

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;
use longwave_model::{ErrorCode, Refusal};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use super::super::fetch::Fetch;
use super::AdmitError;
use super::keys::{Key, Keys};
use crate::clock::unix_milliseconds;
use crate::stats::BrokerStats;

/// How long the URL may take.
const TIME: Duration = Duration::from_secs(10);

/// Where keys are, and how often to look.
#[derive(Debug, Clone)]
pub struct JwksSettings {
    /// `https://…`, or `http://` on this machine.
    pub url: String,
    /// PEM with the certificates that may sign the URL's; `None` = those of the system.
    pub root_certificates: Option<PathBuf>,
    /// Time between two looks.
    pub refresh: Duration,
    /// Least time between two looks, also when tokens name unknown keys.
    pub refresh_at_least: Duration,
}

/// A key set that follows its URL.
pub(super) struct Jwks {
    settings: JwksSettings,
    fetch: Fetch,
    /// `None` until the URL has answered once.
    keys: ArcSwap<Option<Keys>>,
    /// When it was last tried. Locked while trying: those who come meanwhile wait for the same answer.
    tried: Mutex<Option<Instant>>,
    stats: Arc<BrokerStats>,
}

impl Jwks {
    pub(super) async fn start(settings: JwksSettings, stats: Arc<BrokerStats>) -> Result<Arc<Self>, AdmitError> {
        let fetch = Fetch::new(&settings.url, settings.root_certificates.as_deref(), TIME, 0)?;
        let keys = ArcSwap::from_pointee(None);
        let jwks = Arc::new(Self { settings, fetch, keys, tried: Mutex::new(None), stats });
        jwks.refresh().await;
        tokio::spawn(keep_fresh(Arc::downgrade(&jwks), jwks.settings.refresh));
        Ok(jwks)
    }

    /// The key for a token's header.
    pub(super) async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<Key>, Refusal> {
        if let Some(key) = self.look_up(kid, algorithm) {
            return Ok(Some(key));
        }
        self.refresh().await;
        if self.keys.load().is_none() {
            return Err(Refusal::new(ErrorCode::StoreUnavailable, "the keys for tokens cannot be fetched just now"));
        }
        Ok(self.look_up(kid, algorithm))
    }

    fn look_up(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Key> {
        self.keys.load().as_ref().as_ref()?.find(kid, algorithm)
    }

    /// Fetches, unless that was tried a moment ago.
    async fn refresh(&self) {
        let mut tried = self.tried.lock().await;
        if tried.is_some_and(|tried| tried.elapsed() < self.settings.refresh_at_least) {
            return;
        }
        let fetched = match self.fetch.get().await {
            Ok(body) => Keys::from_jwks(&body).map_err(|error| format!("is not a key set: {error}")),
            Err(reason) => Err(reason),
        };
        *tried = Some(Instant::now());
        match fetched {
            Ok(keys) if keys.len() > 0 => {
                info!(url = %self.settings.url, keys = keys.len(), "token keys fetched");
                self.keys.store(Arc::new(Some(keys)));
                self.stats.token_keys_fetched.set(i64::try_from(unix_milliseconds() / 1_000).unwrap_or(i64::MAX));
            }
            Ok(_) => self.failed("has no key for RS256, ES256 or EdDSA"),
            Err(reason) => self.failed(&reason),
        }
    }

    fn failed(&self, reason: &str) {
        self.stats.token_key_errors.add(1);
        warn!(url = %self.settings.url, %reason, "token keys not fetched; the known ones stay in use");
    }
}

async fn keep_fresh(jwks: Weak<Jwks>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(jwks) = jwks.upgrade() else { return };
        jwks.refresh().await;
    }
}
