//! Apple Push Notification service: one attempt.
//!
//! Each application has connections of its own, because Apple ties a connection to the key of its first request (a request with another
//! is answered `UnrelatedKeyIdInToken`). Developer documentation: "Sending notification requests to APNs", "Handling notification
//! responses from APNs".

mod jwt;
mod payload;
mod reason;
mod request;
mod settings;

use std::sync::Arc;

use hyper::StatusCode;
use rustls::RootCertStore;

pub(crate) use jwt::ProviderToken;
pub use settings::{ApnsApp, ApnsAuth, ApnsSettings};

use super::connector::Reach;
use super::http::{Answer, Http, Versions};
use super::retry_after::retry_after;
use super::transport::tls;
use super::verdict::Verdict;
use super::wording::Wording;
use super::{Clock, Environment, Notification, Secret, SettingError, Transport};
use request::Head;

/// One application at Apple.
#[derive(Debug)]
pub(crate) struct Apns {
    topic: String,
    token: Option<Arc<ProviderToken>>,
    production: Service,
    sandbox: Service,
    wording: Arc<Wording>,
    clock: Clock,
}

#[derive(Debug)]
struct Service {
    base: String,
    http: Http,
}

impl Apns {
    /// `token` is shared by all applications with the same key; `None` = the application has a certificate.
    pub(crate) fn new(
        settings: &ApnsSettings,
        app: &ApnsApp,
        token: Option<Arc<ProviderToken>>,
        roots: &Arc<RootCertStore>,
        wording: Arc<Wording>,
        clock: Clock,
    ) -> Result<Self, SettingError> {
        let tls = tls(roots, app.auth.identity()?)?;
        let service = |base: &str, transport: &Transport| Service {
            base: base.trim_end_matches('/').to_owned(),
            http: Http::new(transport, &tls, Versions::Two, Reach::Anywhere),
        };
        Ok(Self {
            topic: app.topic.clone(),
            token,
            production: service(&settings.production, &settings.transport),
            sandbox: service(&settings.sandbox, &settings.transport),
            wording,
            clock,
        })
    }

    /// Age of the token in use, in seconds; `None` for a certificate.
    pub(crate) fn token_age(&self) -> Option<u64> {
        let now = self.clock.seconds();
        self.token.as_ref().map(|token| now.saturating_sub(token.current(now).issued))
    }

    pub(crate) async fn attempt(
        &self,
        device: &Secret,
        environment: Environment,
        notification: &Notification,
        with_text: bool,
    ) -> Verdict {
        if !is_token(device.expose()) {
            return Verdict::TokenGone { at: None };
        }
        let service = match environment {
            Environment::Production => &self.production,
            Environment::Sandbox => &self.sandbox,
        };
        let body = payload::payload(notification, with_text, &self.wording);
        let head = Head {
            base: &service.base,
            device,
            topic: &self.topic,
            collapse: &self.wording.collapse.hash(&notification.collapse),
        };
        let mut renewed = false;
        loop {
            let now = self.clock.seconds();
            let jwt = self.token.as_ref().map(|token| token.current(now));
            let Some(request) = request::request(&head, notification, jwt.as_ref(), body.clone()) else {
                return Verdict::failed("the request cannot be written");
            };
            let answer = match service.http.send(request).await {
                Ok(answer) => answer,
                Err(error) => return error.into(),
            };
            if let (Some(token), Some(jwt), false) = (&self.token, jwt, renewed)
                && reason::is_expired_provider_token(&answer)
                && token.renew(jwt.issued, now)
            {
                renewed = true;
                continue;
            }
            return self.verdict(&answer);
        }
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        if answer.status == StatusCode::OK {
            let id = answer.headers.get("apns-id").and_then(|id| id.to_str().ok());
            return Verdict::Sent { provider_id: id.map(str::to_owned) };
        }
        reason::verdict(answer, retry_after(&answer.headers, self.clock.millis()))
    }
}

/// Apple says only that the length varies; anything else than hexadecimal would change the path.
fn is_token(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
