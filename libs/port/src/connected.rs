//! Who is connected, wherever that is.

use async_trait::async_trait;
use longwave_model::{DeviceId, UserId};

/// Knows the devices that are connected. May be wrong for some seconds.
#[async_trait]
pub trait Connected: Send + Sync {
    /// Whether this device is.
    async fn is_connected(&self, user: &UserId, device: &DeviceId) -> bool;
}
