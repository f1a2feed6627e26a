//! One application at one provider: its lanes, its counters, and the attempts that its provider makes.

use super::apns::Apns;
use super::fcm::Fcm;
use super::lane::Lanes;
use super::state::Tally;
use super::verdict::Verdict;
use super::web_push::{Endpoint, Keys, WebPush};
use super::{Notification, Target};

#[derive(Debug)]
pub(super) struct App {
    pub(super) provider: Attempts,
    pub(super) lanes: Lanes,
    pub(super) tally: Tally,
}

#[derive(Debug)]
pub(super) enum Attempts {
    Apns(Box<Apns>),
    Fcm(Box<Fcm>),
    WebPush(Box<WebPush>),
}

impl App {
    /// Seconds since the token that we show was made.
    pub(super) fn credential_age(&self) -> Option<u64> {
        match &self.provider {
            Attempts::Apns(apns) => apns.token_age(),
            Attempts::Fcm(fcm) => fcm.token_age(),
            Attempts::WebPush(_) => None,
        }
    }

    /// One attempt. `endpoint` is the target's, already checked, for Web Push.
    pub(super) async fn attempt(
        &self,
        target: &Target,
        endpoint: Option<&Endpoint>,
        notification: &Notification,
        with_text: bool,
    ) -> Verdict {
        match (&self.provider, target, endpoint) {
            (Attempts::Apns(apns), Target::Apns { token, environment }, _) => {
                apns.attempt(token, *environment, notification, with_text).await
            }
            (Attempts::Fcm(fcm), Target::Fcm(target), _) => fcm.attempt(target, notification, with_text).await,
            (Attempts::WebPush(web_push), Target::WebPush { p256dh, auth, .. }, Some(endpoint)) => {
                web_push.attempt(endpoint, Keys { p256dh, auth }, notification, with_text).await
            }
            _ => Verdict::failed("the application is another provider's"),
        }
    }
}
