//! Sessions without sockets and clocks: events in, effects out.

mod close;
mod connect;
mod deliver;
mod exactly_once;
mod harness;
mod plain_topics;
mod publish;
mod random;
mod refusals;
mod retry;
mod size;
mod subscribe;
mod time;
mod wire;
