//! What a process may be. `serve` is everything in one.

mod admission;
mod listeners;
mod parts;
pub(crate) mod serve;
