//! What a sender tells of itself, for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{AppId, BreakerState, OutcomeKind, Provider};

/// How one application is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppState {
    /// Who delivers.
    pub provider: Provider,
    /// Which application.
    pub app: AppId,
    /// Seconds since the token that we show was made: Apple's JWT, or Google's access token. `None` when there is none (yet).
    pub credential_age: Option<u64>,
    /// The services that were asked lately.
    pub services: Vec<ServiceState>,
}

/// How one application is doing at one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceState {
    /// `production` or `sandbox` for APNs, `fcm` for FCM, the push service's origin for Web Push. Any user can make up origins: a poor label
    /// for a metric.
    pub service: String,
    /// Its breaker.
    pub breaker: BreakerState,
    /// Requests under way.
    pub in_flight: usize,
}

/// How often something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Who delivers.
    pub provider: Provider,
    /// Which application.
    pub app: AppId,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// How often, since the sender was made.
    pub count: u64,
}

/// Counts outcomes of one application.
#[derive(Debug, Default)]
pub(super) struct Tally([AtomicU64; OutcomeKind::ALL.len()]);

impl Tally {
    pub(super) fn add(&self, outcome: OutcomeKind) {
        self.0[outcome as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> impl Iterator<Item = (OutcomeKind, u64)> {
        OutcomeKind::ALL.into_iter().zip(self.0.iter().map(|count| count.load(Relaxed)))
    }
}
