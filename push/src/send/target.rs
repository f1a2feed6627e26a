//! Where a notification goes: an application of ours, and a device as its provider names it.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::Secret;

/// The name by which a deployment's settings know one application at one provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(Arc<str>);

impl AppId {
    /// Any text.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for AppId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Who delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Apple Push Notification service.
    Apns,
    /// Firebase Cloud Messaging.
    Fcm,
    /// Web Push, which UnifiedPush speaks as well.
    WebPush,
}

impl Provider {
    /// The word for it in metrics: `apns`, `fcm` or `web_push`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apns => "apns",
            Self::Fcm => "fcm",
            Self::WebPush => "web_push",
        }
    }
}

/// Which of Apple's two services gave out a device token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    /// Builds of developers.
    Sandbox,
    /// The App Store and TestFlight.
    Production,
}

/// A device, as its provider names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// An Apple device.
    Apns {
        /// The device token in hexadecimal.
        token: Secret,
        /// Where it is valid.
        environment: Environment,
    },
    /// A device of Firebase.
    Fcm(FcmTarget),
    /// A subscription of a browser or of a UnifiedPush distributor (W3C Push API, `PushSubscription`).
    WebPush {
        /// `endpoint`: an https URL that is a capability.
        endpoint: Secret,
        /// `keys.p256dh`: an uncompressed P-256 point, 65 bytes in base64url.
        p256dh: Secret,
        /// `keys.auth`: 16 bytes in base64url.
        auth: Secret,
    },
}

/// The two names that Firebase has for a device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FcmTarget {
    /// A registration token (`message.token`).
    Registration(Secret),
    /// A Firebase installation id (`message.fid`), which replaces registration tokens since 2026.
    Installation(Secret),
}

impl Target {
    /// Who delivers to it.
    #[must_use]
    pub fn provider(&self) -> Provider {
        match self {
            Self::Apns { .. } => Provider::Apns,
            Self::Fcm(_) => Provider::Fcm,
            Self::WebPush { .. } => Provider::WebPush,
        }
    }
}
