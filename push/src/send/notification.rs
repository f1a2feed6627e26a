//! What is to be shown on a device, in words that all providers share.

use std::collections::BTreeMap;
use std::fmt;

/// How much the user is to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Shown at once, with a sound.
    Alert,
    /// Wakes the application without showing anything; the provider may hold it back.
    Background,
    /// A call: rings. Apple demands that the application shows one for each of these.
    Voip,
    /// Takes back what was shown for the conversation; shows nothing itself.
    Clear,
}

impl Urgency {
    /// The word for it in payloads: `alert`, `background`, `voip` or `clear`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Background => "background",
            Self::Voip => "voip",
            Self::Clear => "clear",
        }
    }

    /// Whether it is worth the battery now.
    pub(crate) fn is_high(self) -> bool {
        matches!(self, Self::Alert | Self::Voip)
    }
}

/// One notification for one device.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// How much the user is to notice.
    pub urgency: Urgency,
    /// What a later notification replaces: the conversation, any bytes. It leaves only as a keyed hash ([`super::CollapseKey`]).
    pub collapse: Vec<u8>,
    /// What the device groups by; `None` = by the collapse hash. At most 64 bytes, and readable by the provider.
    pub thread: Option<String>,
    /// Unix time in seconds after which no attempt begins.
    pub expires: u64,
    /// Unix time in seconds until which the provider may keep it for a device that is off; `None` = as `expires`.
    pub keep: Option<u64>,
    /// Fields for the application, readable by Apple and Google: hashes and numbers, never what a user wrote. Google refuses names that
    /// begin with `google` or `gcm`, and `from`.
    pub data: BTreeMap<String, String>,
    /// Readable text, if the deployment has opted in. It is left out when the provider says that the whole is too large.
    pub text: Option<Text>,
    /// The number on the application's icon; 0 removes it, `None` leaves it.
    pub badge: Option<u32>,
    /// BCP 47 tag of the device's language (`de-CH`); it chooses among the deployment's words for a notification without text.
    pub locale: Option<String>,
}

impl Notification {
    /// Unix time in seconds after which the provider is to drop it.
    pub(crate) fn kept_until(&self) -> u64 {
        self.keep.unwrap_or(self.expires)
    }
}

/// Text to show. Apple and Google can read it.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// The first line; may be empty.
    pub title: String,
    /// What follows.
    pub body: String,
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("urgency", &self.urgency)
            .field("expires", &self.expires)
            .field("badge", &self.badge)
            .field("has_text", &self.text.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text")
    }
}
