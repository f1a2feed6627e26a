//! MQTT broker core: knows MQTT and nothing of chat.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod codec;
pub mod limits;
pub mod session;
