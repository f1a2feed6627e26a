//! Tests of the store on Cassandra: the contract of all backends, and what only this one promises. They need a running Cassandra
//! (`cargo xtask services up cassandra`, or LONGWAVE_TEST_CASSANDRA=host:port).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod buckets;
mod contract;
mod driver_faults;
mod engine;
mod owners;
mod schema;
mod sessions;
mod sweeping;
mod view_order;
