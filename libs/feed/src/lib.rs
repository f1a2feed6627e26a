//! The feed: what each connected device is owed, read from the log and taken from the bus, and its cursors.
//!
//! It runs inside the broker's process. A session is a cursor, not a queue: no message is copied per device, an offline device costs
//! no memory, and a slow one its in-flight window and one page. [`FeedHub`] implements [`longwave_port::Feed`] for the broker and
//! [`longwave_port::Bus`] for the bridge.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod broadcast;
mod bus;
mod channels;
mod compare;
mod cursors;
mod encoded;
mod expiry;
mod fault;
mod fill;
mod hub;
mod item;
mod marks;
mod open;
mod outlet;
mod position;
mod presence;
mod refusal;
mod registry;
mod session;
mod settings;
mod stats;
mod subscriptions;

pub use hub::FeedHub;
pub use settings::{Clock, FeedSettings};
pub use stats::FeedStats;
pub use subscriptions::from_row as subscription;

#[cfg(test)]
mod testing;
