//! Publishes per second and user: token buckets. Off unless the setting is above 0.
//!
//! A bucket that has filled up again says nothing, so full ones are dropped when a shelf grows; memory is bounded by the users
//! that published within the last two seconds.

use std::hash::BuildHasher;

use hashbrown::HashMap;
use longwave_model::{ErrorCode, Refusal, UserId};
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

const SHELVES: usize = 16;
const SWEEP_AT: usize = 1_024;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of a publish.
    tokens: u64,
    /// Unix time in milliseconds.
    filled: u64,
}

/// Token buckets of all users.
#[derive(Debug)]
pub(crate) struct Rates {
    per_second: u64,
    shelves: [Mutex<HashMap<UserId, Bucket, FxBuildHasher>>; SHELVES],
}

impl Rates {
    /// `per_second` 0 = no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second: u64::from(per_second), shelves: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Takes one publish out of the user's bucket.
    pub(crate) fn take(&self, user: &UserId, clock: impl FnOnce() -> u64) -> Result<(), Refusal> {
        if self.per_second == 0 {
            return Ok(());
        }
        let now = clock();
        let full = self.per_second * 2_000;
        let hash = FxBuildHasher.hash_one(user);
        let mut shelf = self.shelves[usize::try_from(hash >> 60).unwrap_or(0) % SHELVES].lock();
        if shelf.len() >= SWEEP_AT && shelf.len() == shelf.capacity() {
            shelf.retain(|_, bucket| bucket.tokens + now.saturating_sub(bucket.filled) * self.per_second < full);
        }
        let bucket = shelf.entry(user.clone()).or_insert(Bucket { tokens: full, filled: now });
        bucket.tokens = full.min(bucket.tokens + now.saturating_sub(bucket.filled) * self.per_second);
        bucket.filled = now.max(bucket.filled);
        if bucket.tokens < 1_000 {
            return Err(Refusal::new(ErrorCode::RateLimited, "this user publishes faster than allowed"));
        }
        bucket.tokens -= 1_000;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_twice_the_rate_and_time_refills() {
        let rates = Rates::new(10);
        let alice = UserId::parse("alice").unwrap();
        let taken = |now| (0..100).take_while(|_| rates.take(&alice, || now).is_ok()).count();
        assert_eq!(taken(1_000), 20);
        assert_eq!(taken(1_000), 0);
        assert_eq!(taken(1_500), 5);
        assert_eq!(taken(100_000), 20);
        assert_eq!(taken(99_000), 0, "a clock that steps back gives nothing");
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let rates = Rates::new(10);
        for round in 0..20u64 {
            for n in 0..SWEEP_AT * SHELVES {
                let user = UserId::parse(&format!("u{round}-{n}")).unwrap();
                rates.take(&user, || round * 10_000).unwrap();
            }
        }
        let kept: usize = rates.shelves.iter().map(|shelf| shelf.lock().len()).sum();
        assert!(kept < 5 * SWEEP_AT * SHELVES, "{kept} of {} kept", 20 * SWEEP_AT * SHELVES);
    }

    #[test]
    fn zero_is_no_limit() {
        let rates = Rates::new(0);
        let alice = UserId::parse("alice").unwrap();
        assert!((0..1_000).all(|_| rates.take(&alice, || 0).is_ok()));
    }
}
