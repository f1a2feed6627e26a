//! Takes one notification for one device to its provider, and says how that ended.
//!
//! [`Sender`] is the front: it retries until the notification expires, keeps a broken application from hurting another, and counts. Below
//! it each provider makes single attempts. What none of them does: follow a redirect, log a token, or wait without a limit.

mod address;
mod apns;
mod app;
mod breaker;
mod bucket;
mod clock;
mod collapse;
mod connector;
mod deliver;
mod es256;
mod fcm;
mod http;
mod lane;
mod notification;
mod outcome;
mod retry;
mod retry_after;
mod secret;
mod sender;
mod setting_error;
mod settings;
mod state;
mod target;
#[cfg(test)]
mod testing;
mod transport;
mod verdict;
pub(crate) mod web_push;
mod wording;

pub use apns::{ApnsApp, ApnsAuth, ApnsSettings};
pub use breaker::{BreakerSettings, BreakerState};
pub use clock::Clock;
pub use collapse::CollapseKey;
pub use es256::Es256Key;
pub use fcm::{FcmApp, FcmSettings, ServiceAccount};
pub use notification::{Notification, Text, Urgency};
pub use outcome::{Outcome, OutcomeKind, Reason};
pub use retry::RetrySettings;
pub use secret::Secret;
pub use sender::Sender;
pub use setting_error::SettingError;
pub use settings::SenderSettings;
pub use state::{AppState, Count, ServiceState};
pub use target::{AppId, Environment, FcmTarget, Provider, Target};
pub use transport::{Hosts, Transport};
pub use web_push::{WebPushApp, WebPushSettings};
pub use wording::Wording;
