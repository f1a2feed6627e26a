//! MQTT broker core: knows MQTT and nothing of chat.
//!
//! `listen` accepts, `connection` moves bytes, `codec` makes packets of them, `session` decides, `registry` knows who is connected,
//! `admit` knows who may, `route` who gets what is published on plain topics,
//! `system` tells under `$SYS/` what all of them count.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod admit;
pub mod bans;
pub mod broker;
mod clock;
pub mod codec;
mod connection;
mod drain;
pub mod limits;
pub mod listen;
mod meter;
mod registry;
pub mod route;
pub mod session;
pub mod stats;
pub mod system;
mod x509;

pub use broker::{Broker, BrokerParts};
