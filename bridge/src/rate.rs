//! Publishes per second and user: token buckets. Off unless the setting is above 0.
//!
//! Each process lets publishes through by buckets of its own and never waits; where processes share buckets, what was let through is taken
//! out of those every tenth of a second, and a user who owes them more than they hold is refused until they hold it. So a user may go
//! over the rate by what passes in that time. A bucket that has filled up again says nothing, so full ones are dropped when a shelf
//! grows; memory is bounded by the users that published within the last two seconds.

use std::hash::BuildHasher;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hashbrown::HashMap;
use longwave_model::{ErrorCode, Refusal, UserId};
use longwave_port::SharedRates;
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use tokio::time::{MissedTickBehavior, interval};

use crate::bridge::Clock;

const SHELVES: usize = 16;
const SWEEP_AT: usize = 1_024;
/// How often shared buckets are asked.
const SHARE: Duration = Duration::from_millis(100);
/// Seconds of the rate that a bucket holds.
const BURST_SECONDS: u32 = 2;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of a publish.
    tokens: u64,
    /// Unix time in milliseconds.
    filled: u64,
    /// Unix time in milliseconds from which the shared bucket has what it is owed.
    barred_until: u64,
    /// Publishes that were let through and not yet taken out of the shared bucket.
    owed: u32,
}

#[derive(Debug, Default)]
struct Shelf {
    buckets: HashMap<UserId, Bucket, FxBuildHasher>,
    /// Users who owe the shared buckets something.
    debtors: Vec<UserId>,
}

impl Shelf {
    /// What each debtor owes; afterwards nobody does.
    fn owed(&mut self) -> Vec<(UserId, u32)> {
        let owed = |user: UserId| self.buckets.get_mut(&user).map(|bucket| (user, std::mem::take(&mut bucket.owed)));
        std::mem::take(&mut self.debtors).into_iter().filter_map(owed).collect()
    }
}

/// Token buckets of all users.
#[derive(Debug)]
pub(crate) struct Rates {
    per_second: u32,
    is_shared: bool,
    shelves: [Mutex<Shelf>; SHELVES],
}

impl Rates {
    /// `per_second` 0 = no limit.
    ///
    /// # Panics
    /// Outside a tokio runtime, where buckets are shared.
    pub(crate) fn start(per_second: u32, shared: Option<Arc<dyn SharedRates>>, clock: Clock) -> Arc<Self> {
        let is_shared = per_second > 0 && shared.is_some();
        let rates = Arc::new(Self { per_second, is_shared, shelves: std::array::from_fn(|_| Mutex::default()) });
        if let (true, Some(shared)) = (is_shared, shared) {
            tokio::spawn(share(Arc::downgrade(&rates), shared, clock));
        }
        rates
    }

    /// Takes one publish out of the user's bucket.
    pub(crate) fn take(&self, user: &UserId, clock: impl FnOnce() -> u64) -> Result<(), Refusal> {
        if self.per_second == 0 {
            return Ok(());
        }
        let now = clock();
        let (per_second, full) = (u64::from(self.per_second), u64::from(self.burst()) * 1_000);
        let mut shelf = self.shelf(user).lock();
        let Shelf { buckets, debtors } = &mut *shelf;
        if buckets.len() >= SWEEP_AT && buckets.len() == buckets.capacity() {
            buckets.retain(|_, bucket| {
                let is_full = bucket.tokens + now.saturating_sub(bucket.filled) * per_second >= full;
                !is_full || bucket.owed > 0
            });
        }
        let fresh = Bucket { tokens: full, filled: now, barred_until: 0, owed: 0 };
        let bucket = buckets.entry(user.clone()).or_insert(fresh);
        bucket.tokens = full.min(bucket.tokens + now.saturating_sub(bucket.filled) * per_second);
        bucket.filled = now.max(bucket.filled);
        if bucket.tokens < 1_000 || bucket.barred_until > now {
            return Err(Refusal::new(ErrorCode::RateLimited, "this user publishes faster than allowed"));
        }
        bucket.tokens -= 1_000;
        if self.is_shared {
            if bucket.owed == 0 {
                debtors.push(user.clone());
            }
            bucket.owed += 1;
        }
        Ok(())
    }

    /// Takes what is owed out of the shared buckets. What they do not hold stays owed, and its users wait; when nobody can tell what they
    /// hold, nothing is owed any more.
    async fn settle(&self, shared: &dyn SharedRates, clock: &Clock) {
        let owed: Vec<(UserId, u32)> = self.shelves.iter().flat_map(|shelf| shelf.lock().owed()).collect();
        if owed.is_empty() {
            return;
        }
        let Some(waits) = shared.take(&owed, self.per_second, self.burst()).await else { return };
        let now = clock();
        for ((user, publishes), wait) in owed.into_iter().zip(waits) {
            let Some(wait) = wait else { continue };
            let mut shelf = self.shelf(&user).lock();
            let Shelf { buckets, debtors } = &mut *shelf;
            let fresh = Bucket { tokens: 0, filled: now, barred_until: 0, owed: 0 };
            let bucket = buckets.entry(user.clone()).or_insert(fresh);
            if bucket.owed == 0 {
                debtors.push(user);
            }
            bucket.owed += publishes;
            bucket.barred_until = now.saturating_add(wait);
        }
    }

    fn burst(&self) -> u32 {
        self.per_second.saturating_mul(BURST_SECONDS)
    }

    fn shelf(&self, user: &UserId) -> &Mutex<Shelf> {
        let hash = FxBuildHasher.hash_one(user);
        &self.shelves[usize::try_from(hash >> 60).unwrap_or(0) % SHELVES]
    }
}

/// Settles until the rates are gone.
async fn share(rates: Weak<Rates>, shared: Arc<dyn SharedRates>, clock: Clock) {
    let mut rounds = interval(SHARE);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let Some(rates) = rates.upgrade() else { return };
        rates.settle(&*shared, &clock).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use async_trait::async_trait;

    use super::*;

    /// One bucket for everybody, which is never refilled.
    struct Purse(Mutex<Option<u32>>);

    #[async_trait]
    impl SharedRates for Purse {
        async fn take(&self, published: &[(UserId, u32)], _: u32, _: u32) -> Option<Vec<Option<u64>>> {
            let mut purse = self.0.lock();
            let holds = purse.as_mut()?;
            let mut pay = |cost: u32| match holds.checked_sub(cost) {
                Some(left) => {
                    *holds = left;
                    None
                }
                None => Some(500),
            };
            Some(published.iter().map(|(_, cost)| pay(*cost)).collect())
        }
    }

    fn alone(per_second: u32) -> Arc<Rates> {
        Rates::start(per_second, None, Arc::new(|| 0))
    }

    #[tokio::test(start_paused = true)]
    async fn what_all_processes_let_through_counts() {
        let now = Arc::new(AtomicU64::new(1_000));
        let clock: Clock = Arc::new({
            let now = now.clone();
            move || now.load(Relaxed)
        });
        let purse = Arc::new(Purse(Mutex::new(Some(20))));
        let both = [(); 2].map(|()| Rates::start(10, Some(purse.clone()), clock.clone()));
        let alice = UserId::parse("alice").unwrap();
        let taken = |rates: &Rates| (0..100).take_while(|_| rates.take(&alice, || now.load(Relaxed)).is_ok()).count();
        assert_eq!(
            both.each_ref().map(|rates| taken(rates)),
            [20, 20],
            "each by itself until they are counted together"
        );
        tokio::time::sleep(SHARE * 2).await;
        now.store(1_400, Relaxed);
        let mut passed = both.each_ref().map(|rates| taken(rates));
        passed.sort_unstable();
        assert_eq!(passed, [0, 4], "one has paid, the other owes");
        *purse.0.lock() = Some(40);
        tokio::time::sleep(SHARE * 2).await;
        now.store(10_000, Relaxed);
        assert_eq!(both.each_ref().map(|rates| taken(rates)), [20, 20], "paid, and the wait is over");
        assert_eq!(*purse.0.lock(), Some(16));
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_shared_buckets_each_counts_by_itself() {
        let rates = Rates::start(10, Some(Arc::new(Purse(Mutex::new(None)))), Arc::new(|| 1_000));
        let alice = UserId::parse("alice").unwrap();
        for second in 1..5_u64 {
            for _ in 0..10 {
                rates.take(&alice, || second * 1_000).unwrap();
            }
            tokio::time::sleep(SHARE).await;
        }
        assert!(rates.shelves.iter().all(|shelf| shelf.lock().debtors.is_empty()));
    }

    #[test]
    fn a_burst_is_twice_the_rate_and_time_refills() {
        let rates = alone(10);
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
        let rates = alone(10);
        for round in 0..20u64 {
            for n in 0..SWEEP_AT * SHELVES {
                let user = UserId::parse(&format!("u{round}-{n}")).unwrap();
                rates.take(&user, || round * 10_000).unwrap();
            }
        }
        let kept: usize = rates.shelves.iter().map(|shelf| shelf.lock().buckets.len()).sum();
        assert!(kept < 5 * SWEEP_AT * SHELVES, "{kept} of {} kept", 20 * SWEEP_AT * SHELVES);
    }

    #[test]
    fn zero_is_no_limit() {
        let rates = alone(0);
        let alice = UserId::parse("alice").unwrap();
        assert!((0..1_000).all(|_| rates.take(&alice, || 0).is_ok()));
    }
}
