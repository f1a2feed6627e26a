//! The contract, from the client's side: what `mqtt-topics.md` shows is what the code does, and what the server writes, a client reads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod client_view;
mod golden_table;
mod meaning;
mod round_trip;
