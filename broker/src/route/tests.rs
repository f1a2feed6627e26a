//! Routers without sockets: devices open sessions, publish and take, against a feed that keeps sessions and a store in memory.

mod delivering;
mod lasting;
mod memory_log;
mod overload;
mod retaining;
mod sessions;
mod shared;
mod system;
mod willing;
mod world;
