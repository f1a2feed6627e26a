//! Tests of the embedded store: the contract of all backends, and what only this one promises.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod audit;
mod backup;
mod bench;
mod concurrency;
mod contract;
mod crash_model;
mod damage;
mod full_disk;
mod opening;
mod plain;
#[cfg(feature = "fault-injection")]
mod power_cut;
mod sweeping;
mod upgrade;
