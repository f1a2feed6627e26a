//! The broker with real sockets: the listeners, the connection task and the registry, in front of a backend in memory that is written
//! against the same traits as the real one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod admission;
mod bursts;
mod churn;
mod client_certificates;
mod cuts;
mod drain;
mod flood;
mod hostile;
mod keep_alive;
mod life;
mod proxies;
mod rig;
mod rumqtt;
mod slow_reader;
mod takeover;
mod tls;
mod websocket;
