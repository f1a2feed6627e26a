//! A failed store, as the connection hears of it.

use longwave_model::{ErrorCode, Refusal};
use longwave_persistence::StoreError;
use tracing::warn;

/// The refusal for a store that could not be read or written. What exactly failed is for the log, not for the client.
pub(crate) fn store_refusal(error: &StoreError) -> Refusal {
    warn!(%error, "session refused by the store");
    match error {
        StoreError::DiskFull { .. } => Refusal::new(ErrorCode::DiskFull, "the disk is nearly full"),
        _ => Refusal::new(ErrorCode::StoreUnavailable, "the store cannot be used just now"),
    }
}
