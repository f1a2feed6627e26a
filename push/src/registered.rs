//! Which devices a user has registered, remembered for some seconds: most users of a message that is handed over have none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longwave_model::{DeviceId, UserId};
use longwave_persistence::{Store, StoreError};
use longwave_wake::registrations_of;
use parking_lot::Mutex;

/// Users that are remembered; then all are forgotten.
const USERS: usize = 100_000;

/// The devices of one user.
pub(crate) type Devices = Arc<[DeviceId]>;

/// What is remembered.
pub(crate) struct Known {
    store: Arc<dyn Store>,
    keep: Duration,
    users: Mutex<HashMap<UserId, (Instant, Devices)>>,
}

impl Known {
    pub(crate) fn new(store: Arc<dyn Store>, keep: Duration) -> Self {
        Self { store, keep, users: Mutex::default() }
    }

    /// The registered devices of a user, if they are remembered.
    pub(crate) fn remembered(&self, user: &UserId) -> Option<Devices> {
        let users = self.users.lock();
        let (read, devices) = users.get(user)?;
        (read.elapsed() < self.keep).then(|| devices.clone())
    }

    /// The registered devices of a user, as the store has them.
    pub(crate) async fn read(&self, user: &UserId) -> Result<Devices, StoreError> {
        let now = Instant::now();
        let found = registrations_of(&*self.store, user).await?;
        let devices: Devices = found.into_iter().map(|found| found.registration.device).collect();
        let mut users = self.users.lock();
        if users.len() >= USERS {
            users.clear();
        }
        users.insert(user.clone(), (now, devices.clone()));
        Ok(devices)
    }

    /// A registration has changed.
    pub(crate) fn forget(&self, user: &UserId) {
        self.users.lock().remove(user);
    }
}
