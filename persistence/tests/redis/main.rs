//! Tests of Redis: one server, a cluster, Sentinels, TLS; what expires, what is lost and what comes back. They need running engines
//! (`cargo xtask services up redis redis-cluster redis-sentinel redis-secure redis-secure-cluster`, or the variables that
//! docs/operate/test-engines.md names).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod bus;
mod cluster;
mod engine;
mod hot;
mod interest;
mod nodes;
mod outages;
mod presence;
mod rate;
mod secure;
mod sentinel;
mod server;
mod stream;
