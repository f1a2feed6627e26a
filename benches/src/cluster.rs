//! Longwave on Cassandra and in roles: what it carries, how fast it delivers, and how that grows.
//!
//! `deployment` starts processes against engines that are there already, on a keyspace that is made for the run and dropped after
//! it. [`deliver`], [`presence`] and [`channel`] are the figures.

pub mod channel;
pub mod deliver;
mod deployment;
mod devices;
mod node;
pub mod presence;

pub use deployment::DeploymentSettings;

use crate::latency::LatencySummary;

/// `p50 / p99 ms (count)`.
fn line(latency: &LatencySummary) -> String {
    format!("p50 {:.1} / p99 {:.1} / max {:.1} ms ({})", latency.p50_ms, latency.p99_ms, latency.max_ms, latency.count)
}
