//! Access tokens of Google: asked for once, however many pushes wait for one, and before the old one ends.
//!
//! Who waits while somebody asks gets the same answer, a refusal as well: a thousand pushes against a token endpoint that is down are one
//! request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use parking_lot::Mutex;
use serde::Deserialize;

use super::ServiceAccount;
use crate::send::http::{Answer, Http, NoAnswer};
use crate::send::retry_after::retry_after;
use crate::send::verdict::Verdict;
use crate::send::{Clock, Reason};

/// A new token is asked for when the old one has this long to live, in milliseconds; Google's live an hour.
const EARLY: u64 = 5 * 60 * 1000;
/// The grant of RFC 7523, percent-encoded.
const GRANT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";

/// An access token in use.
pub(super) struct Grant {
    pub(super) header: HeaderValue,
    /// Unix milliseconds.
    received: u64,
    refresh_at: u64,
    ends: u64,
}

/// Gets and keeps the access tokens of one account.
pub(super) struct Grants {
    account: ServiceAccount,
    http: Http,
    clock: Clock,
    current: Mutex<Option<Arc<Grant>>>,
    asking: tokio::sync::Mutex<Asked>,
    /// How often it was asked, so that who waited knows whether somebody asked meanwhile.
    rounds: std::sync::atomic::AtomicU64,
}

/// How the latest request failed, if it did.
type Asked = Option<Verdict>;

impl Grants {
    pub(super) fn new(account: ServiceAccount, http: Http, clock: Clock) -> Self {
        Self {
            account,
            http,
            clock,
            current: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            rounds: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// A token that is good, or what there is to say of the attempt without one.
    pub(super) async fn current(&self) -> Result<Arc<Grant>, Verdict> {
        use std::sync::atomic::Ordering::SeqCst;
        if let Some(grant) = self.fresh() {
            return Ok(grant);
        }
        let round = self.rounds.load(SeqCst);
        let mut asked = self.asking.lock().await;
        if let Some(grant) = self.fresh() {
            return Ok(grant);
        }
        if self.rounds.load(SeqCst) == round {
            *asked = self.ask().await.err();
            self.rounds.fetch_add(1, SeqCst);
        }
        if let Some(grant) = self.alive() {
            return Ok(grant);
        }
        Err(asked.clone().unwrap_or_else(|| Verdict::unwell(Reason::new("access tokens end at once"), None)))
    }

    /// The provider refused this one. Another that came meanwhile is kept.
    pub(super) fn forget(&self, refused: &Arc<Grant>) {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|grant| Arc::ptr_eq(grant, refused)) {
            *current = None;
        }
    }

    /// Seconds since the token in use was received.
    pub(super) fn age(&self) -> Option<u64> {
        let now = self.clock.millis();
        self.current.lock().as_ref().map(|grant| now.saturating_sub(grant.received) / 1000)
    }

    fn fresh(&self) -> Option<Arc<Grant>> {
        let now = self.clock.millis();
        self.current.lock().clone().filter(|grant| now < grant.refresh_at)
    }

    fn alive(&self) -> Option<Arc<Grant>> {
        let now = self.clock.millis();
        self.current.lock().clone().filter(|grant| now < grant.ends)
    }

    async fn ask(&self) -> Result<(), Verdict> {
        let cannot = || Verdict::AppBroken(Reason::new("the token request cannot be written"));
        let assertion = self.account.assertion(self.clock.seconds()).ok_or_else(cannot)?;
        let request = Request::post(self.account.token_uri())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(format!("{GRANT}{assertion}"))))
            .map_err(|_| cannot())?;
        let answer = self.http.send(request).await.map_err(|error| match error {
            NoAnswer::Away(reason) => Verdict::unwell(Reason::with(format!("token endpoint: {reason}")), None),
            NoAnswer::NotPublic => cannot(),
        })?;
        let grant = self.read(&answer)?;
        *self.current.lock() = Some(Arc::new(grant));
        Ok(())
    }

    fn read(&self, answer: &Answer) -> Result<Grant, Verdict> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
            expires_in: u64,
        }
        #[derive(Deserialize, Default)]
        struct Refused {
            #[serde(default)]
            error: String,
        }
        let now = self.clock.millis();
        if !answer.status.is_success() {
            let Refused { error } = serde_json::from_slice(&answer.body).unwrap_or_default();
            let reason = Reason::foreign(&format!("token endpoint {} {error}", answer.status.as_u16()));
            let passing = answer.status.is_server_error() || matches!(answer.status.as_u16(), 408 | 429);
            let after = retry_after(&answer.headers, now);
            return Err(if passing { Verdict::unwell(reason, after) } else { Verdict::AppBroken(reason) });
        }
        let odd = || Verdict::unwell(Reason::new("token endpoint answers without a token"), None);
        let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| odd())?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", granted.access_token)).map_err(|_| odd())?;
        header.set_sensitive(true);
        let life = u64::try_from(Duration::from_secs(granted.expires_in).as_millis()).unwrap_or(u64::MAX);
        let refresh_at = now.saturating_add(life.saturating_sub(EARLY.min(life / 5)));
        Ok(Grant { header, received: now, refresh_at, ends: now.saturating_add(life) })
    }
}

impl std::fmt::Debug for Grants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grants").field("account", &self.account).finish_non_exhaustive()
    }
}
