//! What one application at one provider shares among its pushes: a breaker, and a bounded number of requests under way.
//!
//! Each service has a lane of its own, for what a user registers must not stop the pushes of others: an endpoint that never answers, or a
//! sandbox token of an application whose key is for production alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::breaker::{Breaker, Pass};
use super::verdict::Verdict;
use super::{BreakerSettings, BreakerState, Reason};

#[derive(Debug)]
pub(super) struct Lane {
    breaker: Mutex<Breaker>,
    slots: Semaphore,
    size: usize,
}

impl Lane {
    pub(super) fn new(settings: BreakerSettings, size: usize) -> Self {
        let size = size.clamp(1, Semaphore::MAX_PERMITS);
        Self { breaker: Mutex::new(Breaker::new(settings)), slots: Semaphore::new(size), size }
    }

    /// Leave for one attempt: waits for a slot, then asks the breaker. `Err` = how long to wait, and why.
    pub(super) async fn enter(&self) -> Result<Entered<'_>, (Duration, Reason)> {
        let Ok(slot) = self.slots.acquire().await else {
            return Err((Duration::from_secs(1), Reason::new("closed")));
        };
        let pass = self.breaker.lock().admit(Instant::now())?;
        Ok(Entered { lane: self, pass: Some(pass), _slot: slot })
    }

    pub(super) fn state(&self) -> BreakerState {
        self.breaker.lock().state(Instant::now())
    }

    pub(super) fn in_flight(&self) -> usize {
        self.size - self.slots.available_permits().min(self.size)
    }
}

/// One attempt under way. Dropping it untold (the call was given up) lets another probe pass.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    lane: &'a Lane,
    pass: Option<Pass>,
    _slot: SemaphorePermit<'a>,
}

impl Entered<'_> {
    pub(super) fn tell(mut self, verdict: &Verdict) {
        let Some(pass) = self.pass.take() else {
            return;
        };
        let mut breaker = self.lane.breaker.lock();
        match verdict {
            Verdict::Again { reason, unwell: true, .. } => breaker.unwell(pass, Instant::now(), reason.clone()),
            Verdict::AppBroken(reason) => breaker.broken(pass, Instant::now(), reason.clone()),
            Verdict::Again { unwell: false, .. } => breaker.untold(pass),
            Verdict::Sent { .. } | Verdict::TokenGone { .. } | Verdict::Failed(_) | Verdict::TooLarge => {
                breaker.well(pass);
            }
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.lane.breaker.lock().untold(pass);
        }
    }
}

/// The lanes of one application, by service.
#[derive(Debug)]
pub(super) struct Lanes {
    settings: BreakerSettings,
    size: usize,
    by_service: Mutex<HashMap<String, Arc<Lane>>>,
}

/// Services that are remembered. Beyond that, those at rest are forgotten.
const SERVICES: usize = 1024;

impl Lanes {
    pub(super) fn new(settings: BreakerSettings, size: usize) -> Self {
        Self { settings, size, by_service: Mutex::default() }
    }

    /// The lane of a service.
    pub(super) fn of(&self, service: &str) -> Arc<Lane> {
        let mut lanes = self.by_service.lock();
        if let Some(lane) = lanes.get(service) {
            return Arc::clone(lane);
        }
        if lanes.len() >= SERVICES {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let lane = Arc::new(Lane::new(self.settings, self.size));
        lanes.insert(service.to_owned(), Arc::clone(&lane));
        lane
    }

    pub(super) fn all(&self) -> Vec<(String, Arc<Lane>)> {
        self.by_service.lock().iter().map(|(service, lane)| (service.clone(), Arc::clone(lane))).collect()
    }
}
