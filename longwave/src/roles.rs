//! What a process may be. `serve` is everything in one.

mod admission;
mod bridge;
mod broker;
#[cfg(test)]
mod link_tests;
mod listeners;
mod nodes;
mod parts;
mod plain;
mod process;
mod push;
mod push_node;
mod serve;

pub(crate) use bridge::BridgeNode;
pub(crate) use broker::BrokerNode;
pub(crate) use process::run;
pub(crate) use push_node::PushNode;
pub(crate) use serve::AllInOne;
