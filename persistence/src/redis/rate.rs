//! Rate limits that all processes share: token buckets.

use super::Redis;
use super::error::RedisError;
use super::request::Request;
use super::scripts::TAKE;

impl Redis {
    /// For each `(key, cost)`, takes so many tokens from a bucket, which holds `burst` and is refilled by `per_second` (at least 1 each), by the
    /// server's clock; in one round trip. `None` when they were there; else nothing was taken, and after that many milliseconds they will
    /// be. A cost above the burst counts as the burst, or it could never be paid.
    ///
    /// # Errors
    /// [`RedisError`] when some are not known; tokens may have been taken.
    pub async fn take<K: AsRef<str>>(
        &self,
        costs: &[(K, u32)],
        per_second: u32,
        burst: u32,
    ) -> Result<Vec<Option<u64>>, RedisError> {
        let burst = burst.max(1);
        let requests = costs.iter().map(|(key, cost)| {
            let key = self.0.settings.rate_key(key.as_ref());
            Request::script(&TAKE, &key).arg(*cost.min(&burst)).arg(per_second.max(1)).arg(burst)
        });
        let answers = self.run(requests.collect()).await?;
        let wait = |answer| {
            let wait: u64 = redis::from_redis_value(answer).map_err(|_| RedisError::odd("time to wait"))?;
            Ok((wait > 0).then_some(wait))
        };
        answers.into_iter().map(wait).collect()
    }
}
