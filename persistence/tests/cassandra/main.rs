//! Tests of the store on Cassandra: the contract of all backends, and what only this one promises. They need a running Cassandra
//! (`cargo xtask services up cassandra cassandra-secure`, or the variables that docs/operate/test-engines.md names).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod buckets;
mod contract;
mod driver_faults;
mod engine;
mod owners;
mod schema;
mod secure;
mod sessions;
mod sweeping;
mod view_order;
