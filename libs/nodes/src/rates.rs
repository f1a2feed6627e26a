//! Users' rates in Redis. While it is away, each process counts by itself.

use async_trait::async_trait;
use longwave_model::UserId;
use longwave_persistence::redis::Redis;
use longwave_port::SharedRates;
use tracing::debug;

/// What begins the key of a user's bucket.
const USER: &str = "user:";

/// The buckets of users' publishes.
#[derive(Debug)]
pub struct RedisRates(Redis);

impl RedisRates {
    /// Buckets in this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self(redis)
    }
}

#[async_trait]
impl SharedRates for RedisRates {
    async fn take(&self, published: &[(UserId, u32)], per_second: u32, burst: u32) -> Option<Vec<Option<u64>>> {
        let costs: Vec<(String, u32)> = published.iter().map(|(user, cost)| (format!("{USER}{user}"), *cost)).collect();
        match self.0.take(&costs, per_second, burst).await {
            Ok(waits) => Some(waits),
            Err(error) => {
                debug!(%error, "rates are not shared");
                None
            }
        }
    }
}
