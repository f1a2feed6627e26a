//! Who wants a topic, and which topics a filter wants: two tries by topic level (MQTT 4.7).
//!
//! [`TopicIndex`] finds the filters that match a topic, [`TopicMap`] the topics that match a filter. Both cost what the levels of the
//! one name they are asked about cost, however many unrelated filters or topics there are, and give memory back as names go.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod index;
mod levels;
mod matches;
mod subscribers;
mod topic_map;

pub use index::TopicIndex;
pub use matches::matches;
pub use topic_map::TopicMap;
