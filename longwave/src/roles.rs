//! What a process may be. `serve` is everything in one.

mod admission;
pub(crate) mod bridge;
pub(crate) mod broker;
mod listeners;
mod nodes;
mod parts;
mod process;
pub(crate) mod serve;
