//! The bridge: gives topics their meaning. It takes publishes through the gate, decides who may do what, gives messages their seq,
//! stores them, and tells the members who are online. It knows no socket.
//!
//! The way of a message: `intake` (topic, payload) → `check` (rights) → `lane` (seq, retries, fenced append) → `apply` (views)
//! → fan-out over the bus → `settle` (watermarks). Requests are in `verbs`, one file per verb.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod apply;
mod bridge;
mod budget;
mod check;
mod core;
mod fault;
mod intake;
pub mod invariant;
mod lane;
mod marks;
mod owned;
mod rate;
mod registers;
mod reply;
mod requests;
mod settings;
mod stats;
#[cfg(test)]
mod testing;
mod verbs;

pub use bridge::{Bridge, BridgeParts, Clock};
pub use lane::Ownership;
pub use settings::{BridgeSettings, DirectPolicy, UnknownPeers};
pub use stats::{APPEND_CLASSES, BridgeStats};
