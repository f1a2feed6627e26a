//! How the processes of one deployment find and reach each other through Redis: the bus between them, who is connected where, and the
//! registry of nodes.
//!
//! Redis may be emptied, restarted or away at any time. What is lost then is told again: nodes register anew, and sessions compare.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod bus;
mod frame;
mod neighbours;
mod push_item;
mod push_sink;
mod push_work;
mod rates;
mod receive;
mod refresh;
mod registry;
mod silent;

pub use bus::RedisBus;
pub use neighbours::{Local, Neighbours};
pub use push_sink::RedisPush;
pub use push_work::PushWork;
pub use rates::RedisRates;
pub use receive::receive;
pub use refresh::refresh;
pub use registry::Registry;
