//! Web Push: one attempt (RFC 8030 with RFC 8291 and RFC 8292). UnifiedPush distributors speak the same.
//!
//! The endpoint is a URL that a user gave us, so nothing of what it leads to is believed: see [`endpoint`] and [`super::address`].

pub(crate) mod encrypt;
mod endpoint;
mod message;
mod settings;
mod vapid;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use hyper::{HeaderMap, Request};
use rustls::RootCertStore;

pub(crate) use endpoint::Endpoint;
pub use settings::{WebPushApp, WebPushSettings};

use super::connector::Reach;
use super::http::{Answer, Http, Versions};
use super::retry_after::retry_after;
use super::transport::tls;
use super::verdict::Verdict;
use super::wording::Wording;
use super::{Clock, Notification, Reason, Secret, SettingError, Urgency};
use vapid::Vapid;

/// One application, at whichever push services its users' browsers have.
#[derive(Debug)]
pub(crate) struct WebPush {
    http: Http,
    vapid: Vapid,
    wording: Arc<Wording>,
    clock: Clock,
}

/// A subscription's two keys.
pub(crate) struct Keys<'a> {
    pub(crate) p256dh: &'a Secret,
    pub(crate) auth: &'a Secret,
}

impl WebPush {
    pub(crate) fn new(
        settings: &WebPushSettings,
        app: &WebPushApp,
        roots: &Arc<RootCertStore>,
        wording: Arc<Wording>,
        clock: Clock,
    ) -> Result<Self, SettingError> {
        let reach = if settings.allow_private_addresses { Reach::Anywhere } else { Reach::PublicOnly };
        let http = Http::new(&settings.transport, &tls(roots, None)?, Versions::Any, reach);
        Ok(Self { http, vapid: Vapid::new(app), wording, clock })
    }

    pub(crate) async fn attempt(
        &self,
        endpoint: &Endpoint,
        keys: Keys<'_>,
        notification: &Notification,
        with_text: bool,
    ) -> Verdict {
        let plain = message::message(notification, with_text, &self.wording);
        let body = match encrypt::encrypt(&plain, keys.p256dh, keys.auth) {
            Ok(body) => body,
            Err(encrypt::CannotEncrypt::TooLarge) => return Verdict::TooLarge,
            // Nobody could ever read what is sent to such a subscription.
            Err(encrypt::CannotEncrypt::Keys) => return Verdict::failed("the subscription's keys are not usable"),
            Err(encrypt::CannotEncrypt::Crypto) => return Verdict::failed("encryption failed"),
        };
        let now = self.clock.seconds();
        let urgency = match notification.urgency {
            Urgency::Alert | Urgency::Voip => "high",
            Urgency::Background => "low",
            Urgency::Clear => "normal",
        };
        let request = Request::post(endpoint.uri().clone())
            .header("ttl", notification.kept_until().saturating_sub(now))
            .header("urgency", urgency)
            .header("topic", self.wording.collapse.hash(&notification.collapse))
            .header(AUTHORIZATION, self.vapid.header(endpoint.origin(), now))
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(Full::new(Bytes::from(body)));
        let Ok(request) = request else {
            return Verdict::failed("the request cannot be written");
        };
        match self.http.send(request).await {
            Ok(answer) => self.verdict(&answer),
            Err(error) => error.into(),
        }
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        let after = retry_after(&answer.headers, self.clock.millis());
        let word = || Reason::with(format!("HTTP {}", answer.status.as_u16()));
        match answer.status.as_u16() {
            200..=299 => Verdict::Sent { provider_id: message_id(&answer.headers) },
            300..=399 => Verdict::failed("redirects are not followed"),
            404 | 410 => Verdict::TokenGone { at: None },
            413 => Verdict::TooLarge,
            // Our key is refused. That may be wrong settings, or a subscription that somebody made with another key; as anybody can do the
            // latter, it must not stop the pushes of others.
            401 | 403 => Verdict::Failed(word()),
            429 => Verdict::later(word(), after),
            408 | 425 | 500.. => Verdict::unwell(word(), after),
            _ => Verdict::Failed(word()),
        }
    }
}

/// The last part of the push message's URL (RFC 8030, 5); the whole would be a capability.
fn message_id(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let id = location.trim_end_matches('/').rsplit('/').next()?;
    let id: String = id.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.%~:=".contains(*c)).take(128).collect();
    (!id.is_empty()).then_some(id)
}
