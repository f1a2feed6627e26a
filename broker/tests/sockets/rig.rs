//! What the tests stand on: a broker on a free port, a backend in memory, and a client that speaks raw packets.

mod backend;
mod certificates;
mod client;
mod server;

pub(crate) use backend::{Backend, Behaviour};
pub(crate) use certificates::{dial_tls, dial_tls_after, trusting, write_certificate};
pub(crate) use client::{Client, connect_packet, publish_packet, subscribe_packet};
pub(crate) use server::Server;
