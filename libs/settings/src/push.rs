//! Settings of push notifications.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the number on an application's icon counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushBadge {
    /// Conversations with an unread message of somebody else.
    Conversations,
    /// Unread messages of others.
    Messages,
    /// Nothing: it is left as it is.
    Off,
}

/// Push notifications. Nobody is woken unless an application is named under `apns`, `fcm` or `web_push`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PushSection {
    /// Milliseconds that a device has to acknowledge a message before it is woken; at least half a second more than `feed.flush_millis`.
    pub grace_millis: u64,
    /// Seconds between two pushes of one conversation to one device; they double while messages keep coming.
    pub window_seconds: u64,
    /// The most that these seconds grow to.
    pub longest_window_seconds: u64,
    /// Seconds after which a message wakes nobody any more.
    pub lifetime_seconds: u64,
    /// Seconds for which a provider may keep a push for a device that is off.
    pub keep_seconds: u64,
    /// Seconds between two background pushes (of silent messages) to one device.
    pub background_seconds: u64,
    /// What the number on an application's icon counts.
    pub badge: PushBadge,
    /// The highest number on the icon; counting ends there.
    pub badge_limit: u32,
    /// Sends who wrote what in readable form: Apple, Google and push services get to see it. End-to-end encrypted bodies never leave.
    pub text: bool,
    /// Pushes that may wait, one per device and conversation; further messages stay in the journal.
    pub waiting: usize,
    /// Pushes decided at once.
    pub decisions: usize,
    /// Requests under way at once per application, and per push service for Web Push.
    pub in_flight: usize,
    /// HTTP/2 connections per application and host.
    pub connections: usize,
    /// Name under which an Apple application has its own words for a new message (`loc-key`).
    pub loc_key: String,
    /// Words for a new message by language, as in `{ en = "New message", de = "Neue Nachricht" }`.
    pub words: BTreeMap<String, String>,
    /// PEM file with certificates to trust beside the system's, for all providers.
    pub root_certificates: Option<PathBuf>,
    /// Base URL of Apple's service for released applications.
    pub apns_production: String,
    /// Base URL of Apple's service for builds of developers.
    pub apns_sandbox: String,
    /// Base URL of Google's service.
    pub fcm_base: String,
    /// Messages a minute and Google project.
    pub fcm_per_minute: u32,
    /// Lets Web Push endpoints lead to private and loopback addresses: only for tests, for any user can name an endpoint.
    pub web_push_private_addresses: bool,
    /// Applications at Apple.
    pub apns: Vec<ApnsSection>,
    /// Applications at Google.
    pub fcm: Vec<FcmSection>,
    /// Applications in browsers and on UnifiedPush.
    pub web_push: Vec<WebPushSection>,
}

impl Default for PushSection {
    fn default() -> Self {
        Self {
            grace_millis: 2_000,
            window_seconds: 3,
            longest_window_seconds: 60,
            lifetime_seconds: 3_600,
            keep_seconds: 28 * 24 * 3_600,
            background_seconds: 20 * 60,
            badge: PushBadge::Conversations,
            badge_limit: 99,
            text: false,
            waiting: 100_000,
            decisions: 256,
            in_flight: 256,
            connections: 2,
            loc_key: "LONGWAVE_NEW_MESSAGE".to_owned(),
            words: BTreeMap::new(),
            root_certificates: None,
            apns_production: "https://api.push.apple.com".to_owned(),
            apns_sandbox: "https://api.sandbox.push.apple.com".to_owned(),
            fcm_base: "https://fcm.googleapis.com".to_owned(),
            fcm_per_minute: 600_000,
            web_push_private_addresses: false,
            apns: Vec::new(),
            fcm: Vec::new(),
            web_push: Vec::new(),
        }
    }
}

impl PushSection {
    /// Whether anybody is woken at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !(self.apns.is_empty() && self.fcm.is_empty() && self.web_push.is_empty())
    }
}

/// An application at Apple, with either a signing key or a certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApnsSection {
    /// Its name here, which devices give when they register.
    pub app: String,
    /// Its bundle id.
    pub topic: String,
    /// Team id of the signing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Key id of the signing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// PEM file (`.p8`): the signing key; needs `team` and `key_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// PEM file: the application's certificate, then its intermediates; instead of a signing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file: the certificate's private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_key: Option<PathBuf>,
}

/// An application at Google.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FcmSection {
    /// Its name here, which devices give when they register.
    pub app: String,
    /// JSON file: the service account that may send to it.
    pub service_account: PathBuf,
}

/// An application in browsers and on UnifiedPush.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebPushSection {
    /// Its name here, which devices give when they register.
    pub app: String,
    /// PEM file: the VAPID key, P-256.
    pub key_file: PathBuf,
    /// Whom a push service may write to: `mailto:…` or `https://…`.
    pub contact: String,
}
