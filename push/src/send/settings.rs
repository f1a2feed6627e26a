//! Everything that a [`super::Sender`] is told.

use super::apns::ApnsSettings;
use super::fcm::FcmSettings;
use super::web_push::WebPushSettings;
use super::wording::Wording;
use super::{BreakerSettings, Clock, RetrySettings};

/// Everything that a [`super::Sender`] is told.
#[derive(Debug, Clone)]
pub struct SenderSettings {
    /// Apple.
    pub apns: ApnsSettings,
    /// Google.
    pub fcm: FcmSettings,
    /// Browsers and UnifiedPush.
    pub web_push: WebPushSettings,
    /// What a notification says without text, and the key of collapse ids.
    pub wording: Wording,
    /// Pauses and patience.
    pub retry: RetrySettings,
    /// When an application's breaker opens.
    pub breaker: BreakerSettings,
    /// The time of day.
    pub clock: Clock,
}

impl SenderSettings {
    /// The real services, and no application yet.
    #[must_use]
    pub fn new(wording: Wording) -> Self {
        Self {
            apns: ApnsSettings::default(),
            fcm: FcmSettings::default(),
            web_push: WebPushSettings::default(),
            wording,
            retry: RetrySettings::default(),
            breaker: BreakerSettings::default(),
            clock: Clock::system(),
        }
    }
}
