//! Holds the next caller that comes to a named step, as SIGSTOP would hold its process there.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Where somebody is to be held.
#[derive(Debug, Default)]
pub(super) struct Holds(Mutex<Option<(String, Arc<Hold>)>>);

/// One hold.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    reached: Notify,
    released: Notify,
}

impl Hold {
    /// Somebody is held.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets go.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }
}

impl Holds {
    pub(super) fn set(&self, step: &str) -> Arc<Hold> {
        let hold = Arc::new(Hold::default());
        *self.0.lock() = Some((step.to_owned(), hold.clone()));
        hold
    }

    /// Returns at once, unless somebody is to be held here; then only one is.
    pub(super) async fn pass(&self, step: &str) {
        let hold = self.0.lock().take_if(|(held, _)| held == step).map(|(_, hold)| hold);
        if let Some(hold) = hold {
            hold.reached.notify_one();
            hold.released.notified().await;
        }
    }
}
