//! What is set for Web Push.

use crate::send::{AppId, Es256Key, Transport};

/// How push services are reached, and our applications.
#[derive(Debug, Clone, Default)]
pub struct WebPushSettings {
    /// How push services are reached.
    pub transport: Transport,
    /// Lets endpoints lead to private and loopback addresses. Only for tests, or when every user is trusted. Default no.
    pub allow_private_addresses: bool,
    /// The applications.
    pub apps: Vec<WebPushApp>,
}

/// One application.
#[derive(Debug, Clone)]
pub struct WebPushApp {
    /// Its name in our settings.
    pub app: AppId,
    /// The key by which push services know it (VAPID); browsers got its public half when they subscribed.
    pub key: Es256Key,
    /// Whom a push service may write to: `mailto:…` or `https://…`.
    pub contact: String,
}
