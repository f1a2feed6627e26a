//! The sending side against the fakes, over real TLS and HTTP/2. No test looks at how long something took; clocks are set by hand where
//! the time of day matters.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod apns;
mod apns_auth;
mod apns_connections;
mod apns_streams;
mod fcm;
mod fcm_grants;
mod lanes;
mod rig;
mod silence;
mod web_push;
mod web_push_reach;
