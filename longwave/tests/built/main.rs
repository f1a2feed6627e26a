//! The built binary, from outside: what newcomers, operators and devices do with it, and what breaks it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod admission;
mod backup;
mod bans;
mod damaged_store;
mod full_disk;
mod multi_device;
mod newcomer;
mod offline;
mod plain;
mod plain_log;
mod privacy;
mod push;
mod push_rig;
mod push_roles;
mod rig;
mod secure_roles;
mod settings;
mod shutdown;
mod system_topics;
mod test_broker;
