//! What topics and filters under `u/` mean. The contract is `mqtt-topics.md`; this crate is its first two tables as code.
//!
//! A topic that is valid here may still be refused: whether its user may use it is decided by who asks.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod encoding;
mod filter;
mod filter_set;
mod topic;

pub use encoding::{Encoding, EncodingSet};
pub use filter::{UserFilter, Which, parse_filter};
pub use filter_set::FilterSet;
pub use topic::{Topic, conversation_topic, parse_topic, presence_topic, rpc_topic};
