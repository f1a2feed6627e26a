//! Wakes sleeping devices through APNs, FCM and Web Push.
//!
//! The bridge hands over messages ([`PushWorker`] is a [`longwave_port::PushSink`]); `coalesce` lets them wait, `decide` looks whether a device
//! still needs one, [`send`] takes it to its provider, `outcome` writes down how that ended. `fake` (feature `fake`) is the three providers
//! as servers on this machine.
//!
//! Nothing here logs or shows a device token, a key, an endpoint or a payload: they are [`send::Secret`]s or have a `Debug` of their own.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod badge;
mod clear;
mod coalesce;
mod decide;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod outcome;
mod registered;
pub mod send;
mod settings;
mod stats;
mod worker;

pub use settings::{Badge, PushSettings};
pub use stats::PushStats;
pub use worker::{PushParts, PushWorker};
