//! The link between brokers and bridges in different processes.
//!
//! On a broker's side [`Link`] is the gate: it sends each publish to the bridge that should own its conversation's shard, keeps every
//! sender's order, and sends again what a bridge that died left unanswered. Bridges connect to the broker's internal listener as MQTT 5
//! clients; [`Internal`] is admission, gate and feed of that listener. On a bridge's side [`Client`] is one such connection.
//!
//! The rules are protocol.md 21: a publish says which one must have been taken before it, a lane takes only the next, and what was handed
//! over under a lease that has ended is not done. So a bridge that was given up can do no harm when it wakes.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod address;
mod client;
mod connect_error;
mod dispatch;
mod driver;
mod frame;
mod from_frame;
mod gate;
mod internal;
mod lease;
mod outbox;
mod rendezvous;
mod settings;
mod stats;
mod tls;
mod to_frame;
mod tunnel;

pub use client::{Client, ClientSettings, Served};
pub use connect_error::ConnectError;
pub use gate::Link;
pub use internal::{BRIDGE_USER, Internal};
pub use settings::LinkSettings;
pub use stats::LinkStats;
pub use tls::LinkTls;
