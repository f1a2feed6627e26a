//! What tests of the built binary are made of: the server as a process, clients that keep a history, and the checker that
//! compares what was acknowledged with what every device got.

pub mod cassandra;
pub mod client;
pub mod cluster;
pub mod cuts;
pub mod engine;
pub mod history;
pub mod http;
pub mod receiver;
pub mod sender;
pub mod server;
pub mod torture;
pub mod wire;
