//! The load generator and the side-by-side runner, as a library so that both programs and the tests share it.
//!
//! [`pairs`], [`plain`], [`idle`] and [`offline`] are the loads. They stand on [`fleet`] (one epoll loop over many [`connection`]s),
//! [`wire`] (a lean MQTT encoder and decoder of its own) and on the accounting of [`ledger`] and [`latency`]. [`side_by_side`]
//! starts servers and runs the generator against each of them in turn; [`cluster`] measures Longwave on Cassandra and in roles.

pub mod cassandra;
pub mod clock;
pub mod cluster;
pub mod connection;
pub mod fleet;
pub mod handshake;
pub mod idle;
pub mod latency;
pub mod ledger;
pub mod offline;
pub mod pairs;
pub mod plain;
pub mod process;
pub mod side_by_side;
pub mod stamp;
pub mod target;
pub mod topics;
pub mod wire;
