//! When devices are woken, and with what.

use std::time::Duration;

/// What the number on an application's icon counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Badge {
    /// Conversations with an unread message of somebody else.
    Conversations,
    /// Unread messages of others.
    Messages,
    /// Nothing: it is left as it is.
    Off,
}

/// When devices are woken, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSettings {
    /// How long a device has to acknowledge a message before it is woken. Default 2 s.
    pub grace: Duration,
    /// No second push of a conversation within this time; it doubles while messages keep coming. Default 3 s.
    pub first_window: Duration,
    /// The longest such time. Default 60 s.
    pub longest_window: Duration,
    /// A message that is older wakes nobody. Default 1 h.
    pub lifetime: Duration,
    /// How long a provider may keep a push for a device that is off. Default 28 days.
    pub keep: Duration,
    /// Between two background pushes to one device. Default 20 min.
    pub background_interval: Duration,
    /// The number on the icon. Default conversations.
    pub badge: Badge,
    /// The highest number on the icon; counting ends there. Default 99.
    pub badge_limit: u32,
    /// Sends who wrote what in readable form, for Apple and Google to see. Default no.
    pub text: bool,
    /// Pushes that may wait; further messages stay in the journal. Default 100,000.
    pub waiting: usize,
    /// Pushes decided at once. Default 256.
    pub decisions: usize,
    /// How long it is remembered which devices a user has registered. Default 5 s.
    pub remembered: Duration,
}

impl Default for PushSettings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(2),
            first_window: Duration::from_secs(3),
            longest_window: Duration::from_secs(60),
            lifetime: Duration::from_secs(3_600),
            keep: Duration::from_secs(28 * 24 * 3_600),
            background_interval: Duration::from_secs(20 * 60),
            badge: Badge::Conversations,
            badge_limit: 99,
            text: false,
            waiting: 100_000,
            decisions: 256,
            remembered: Duration::from_secs(5),
        }
    }
}
