//! Firebase Cloud Messaging, HTTP v1: one attempt.
//!
//! Reference: "REST Resource: projects.messages" and "FcmError" at firebase.google.com.

mod error;
mod message;
mod oauth;
mod service_account;
mod settings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use parking_lot::Mutex;
use rustls::RootCertStore;
use serde::Deserialize;

pub use service_account::ServiceAccount;
pub use settings::{FcmApp, FcmSettings};

use super::bucket::Bucket;
use super::connector::Reach;
use super::http::{Answer, Http, Versions};
use super::retry_after::retry_after;
use super::transport::tls;
use super::verdict::Verdict;
use super::wording::Wording;
use super::{Clock, FcmTarget, Notification, Reason, SettingError};
use error::Meaning;
use oauth::Grants;

/// What Google's documentation says to wait when it names no time with QUOTA_EXCEEDED.
const QUOTA: Duration = Duration::from_secs(60);

/// One application at Google.
#[derive(Debug)]
pub(crate) struct Fcm {
    url: String,
    http: Http,
    grants: Grants,
    /// Shared by all applications of the project, for the quota is the project's.
    bucket: Arc<Mutex<Bucket>>,
    wording: Arc<Wording>,
    clock: Clock,
}

impl Fcm {
    pub(crate) fn new(
        settings: &FcmSettings,
        app: &FcmApp,
        bucket: Arc<Mutex<Bucket>>,
        roots: &Arc<RootCertStore>,
        wording: Arc<Wording>,
        clock: Clock,
    ) -> Result<Self, SettingError> {
        let tls = tls(roots, None)?;
        let base = settings.base.trim_end_matches('/');
        let any = Http::new(&settings.transport, &tls, Versions::Any, Reach::Anywhere);
        Ok(Self {
            url: format!("{base}/v1/projects/{}/messages:send", app.account.project()),
            http: Http::new(&settings.transport, &tls, Versions::Two, Reach::Anywhere),
            grants: Grants::new(app.account.clone(), any, clock.clone()),
            bucket,
            wording,
            clock,
        })
    }

    /// Age of the access token in use, in seconds; `None` before the first.
    pub(crate) fn token_age(&self) -> Option<u64> {
        self.grants.age()
    }

    pub(crate) async fn attempt(&self, target: &FcmTarget, notification: &Notification, with_text: bool) -> Verdict {
        let Some(body) = message::message(target, notification, with_text, &self.wording, self.clock.seconds()) else {
            return Verdict::TooLarge;
        };
        if let Err(wait) = self.bucket.lock().take(Instant::now()) {
            return Verdict::later(Reason::new("the project's pace"), Some(wait));
        }
        let mut refreshed = false;
        loop {
            let grant = match self.grants.current().await {
                Ok(grant) => grant,
                Err(verdict) => return verdict,
            };
            let request = Request::post(&self.url)
                .header(AUTHORIZATION, grant.header.clone())
                .header(CONTENT_TYPE, "application/json")
                .body(Full::new(body.clone()));
            let Ok(request) = request else {
                return Verdict::failed("the request cannot be written");
            };
            let answer = match self.http.send(request).await {
                Ok(answer) => answer,
                Err(error) => return error.into(),
            };
            if answer.status.is_success() {
                return Verdict::Sent { provider_id: name(&answer.body) };
            }
            let meaning = error::meaning(answer.status, &answer.body);
            if meaning == Meaning::Unauthenticated && !refreshed {
                refreshed = true;
                self.grants.forget(&grant);
                continue;
            }
            return self.verdict(meaning, &answer);
        }
    }

    fn verdict(&self, meaning: Meaning, answer: &Answer) -> Verdict {
        let after = retry_after(&answer.headers, self.clock.millis());
        match meaning {
            Meaning::TokenGone => Verdict::TokenGone { at: None },
            Meaning::Failed(reason) => Verdict::Failed(reason),
            Meaning::TooLarge => Verdict::TooLarge,
            Meaning::Unauthenticated => Verdict::AppBroken(Reason::new("UNAUTHENTICATED")),
            Meaning::AppBroken(reason) => Verdict::AppBroken(reason),
            Meaning::Quota(reason) => {
                let after = after.unwrap_or(QUOTA);
                self.bucket.lock().hold(Instant::now() + after);
                Verdict::later(reason, Some(after))
            }
            Meaning::DeviceQuota(reason) => Verdict::later(reason, Some(after.unwrap_or(QUOTA))),
            Meaning::Unwell(reason) => Verdict::unwell(reason, after),
        }
    }
}

/// `projects/p/messages/id`.
fn name(body: &Bytes) -> Option<String> {
    #[derive(Deserialize)]
    struct Sent {
        name: String,
    }
    serde_json::from_slice::<Sent>(body).ok().map(|sent| sent.name)
}
