//! Plain topics: who gets what is published on them. All that is neither under `u/` nor begins with `$`.
//!
//! The router stands in front of gate and feed, as both: what is published on a plain topic stays here, everything else goes through.
//! A session that uses plain topics has a `Subscriber` beside its feed: a bounded queue, and what is in flight.

mod backlog;
mod delivery;
mod gate;
mod group;
mod hold;
mod lasting;
mod log;
mod open;
mod outlet;
mod pages;
mod queue;
mod restore;
mod retained;
mod router;
mod settings;
mod stats;
mod subscriber;
mod subscriptions;
mod system;
mod taking;
#[cfg(test)]
mod tests;
mod tidy;
mod timers;
mod wills;

pub use router::{Router, RouterParts};
pub use settings::{RouteSettings, SharedStrategy};
pub use stats::{Dropped, RouteStats};
