//! What is set for Google.

use super::ServiceAccount;
use crate::send::{AppId, Transport};

/// Google's service, and our applications there.
#[derive(Debug, Clone)]
pub struct FcmSettings {
    /// Base URL. Default Google's.
    pub base: String,
    /// How it is reached, and the token endpoint that the service account names.
    pub transport: Transport,
    /// Messages a minute per project. Default 600,000, Google's default quota.
    pub per_minute: u32,
    /// The applications.
    pub apps: Vec<FcmApp>,
}

impl Default for FcmSettings {
    fn default() -> Self {
        Self {
            base: "https://fcm.googleapis.com".into(),
            transport: Transport::default(),
            per_minute: 600_000,
            apps: Vec::new(),
        }
    }
}

/// One application.
#[derive(Debug, Clone)]
pub struct FcmApp {
    /// Its name in our settings.
    pub app: AppId,
    /// The account that may send to it.
    pub account: ServiceAccount,
}
