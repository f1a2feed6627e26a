//! For this crate's tests: a store in memory that fails as told, a bus that takes notes, and devices that publish.

mod hold;
mod memory;
mod memory_pushes;
mod memory_reads;
mod memory_views;
mod world;

pub(crate) use memory::{MemoryStore, Mishap};
pub(crate) use world::{Device, START, World, seq_of, with_properties};
