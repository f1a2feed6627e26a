//! A device that can be woken: its provider's name for it.

use std::fmt;

use longwave_model::DeviceId;
use serde::{Deserialize, Serialize};

/// A device as its provider names it. All of it is secret: who has it can wake the device, or fill its screen.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum Address {
    /// Apple Push Notification service.
    Apns {
        /// The device token in hexadecimal.
        token: String,
        /// Given out to a build of developers.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        sandbox: bool,
    },
    /// Firebase Cloud Messaging, by registration token.
    Fcm {
        /// The token.
        token: String,
    },
    /// Firebase Cloud Messaging, by installation id.
    FcmInstallation {
        /// The id.
        id: String,
    },
    /// Web Push, which UnifiedPush speaks as well.
    WebPush {
        /// An https URL.
        endpoint: String,
        /// The subscription's public key, in base64url.
        p256dh: String,
        /// The subscription's secret, in base64url.
        auth: String,
    },
}

impl Address {
    /// The word for the provider: `apns`, `fcm` or `web_push`.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        match self {
            Self::Apns { .. } => "apns",
            Self::Fcm { .. } | Self::FcmInstallation { .. } => "fcm",
            Self::WebPush { .. } => "web_push",
        }
    }

    /// What names the device at its provider.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Apns { token, .. } | Self::Fcm { token } => token,
            Self::FcmInstallation { id } => id,
            Self::WebPush { endpoint, .. } => endpoint,
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.provider())
    }
}

/// What a device has registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The device, by which its messages are addressed.
    #[serde(with = "as_text")]
    pub device: DeviceId,
    /// The name of the application in the deployment's settings.
    pub app: String,
    /// Where a push goes.
    #[serde(flatten)]
    pub address: Address,
    /// BCP 47 tag of the device's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Unix time in milliseconds of the registration.
    pub registered_at: u64,
}

/// A registration and the version of its register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// What is registered.
    pub registration: Registration,
    /// The register's version, for [`crate::remove_if_unchanged`].
    pub version: u64,
}

mod as_text {
    use longwave_model::DeviceId;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(device: &DeviceId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(device.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DeviceId, D::Error> {
        DeviceId::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_its_form() {
        let registration = Registration {
            device: DeviceId::parse("phone/1").unwrap(),
            app: "chat".into(),
            address: Address::Apns { token: "ab".into(), sandbox: true },
            locale: None,
            registered_at: 7,
        };
        let row = serde_json::to_string(&registration).unwrap();
        assert_eq!(
            row,
            r#"{"device":"phone/1","app":"chat","provider":"apns","token":"ab","sandbox":true,"registered_at":7}"#
        );
        assert_eq!(serde_json::from_str::<Registration>(&row).unwrap(), registration);
        assert!(!format!("{registration:?}").contains("ab\""), "no token is shown");
    }
}
