//! How fast users publish, counted over all processes.

use async_trait::async_trait;
use longwave_model::UserId;

/// The buckets that all processes share.
#[async_trait]
pub trait SharedRates: Send + Sync {
    /// Takes publishes that were let through out of their users' buckets, which hold `burst` and are refilled by `per_second`. For each user
    /// `None` when they were there, else in how many milliseconds they will be: then nothing was taken. `None` for all when nobody can tell.
    async fn take(&self, published: &[(UserId, u32)], per_second: u32, burst: u32) -> Option<Vec<Option<u64>>>;
}
