//! Operators' commands. Each speaks to the running server over `data/admin.sock`, or opens the store itself when none runs.

pub(crate) mod acl;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod ban;
mod control;
pub(crate) mod drain;
pub(crate) mod fake_push;
pub(crate) mod push;
pub(crate) use control::socket_path;
pub(crate) mod restore;
pub(crate) mod schema;
pub(crate) mod settings_reference;
pub(crate) mod user;
