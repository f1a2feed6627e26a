//! Everything a backend offers, as one object.

use crate::cursors::{Cursors, Marks};
use crate::inbox::Inbox;
use crate::journal::Journal;
use crate::log::Log;
use crate::members::Members;
use crate::pushes::Pushes;
use crate::registers::Registers;
use crate::sessions::Sessions;

/// A complete backend.
pub trait Store:
    Journal + Log + Inbox + Members + Cursors + Marks + Sessions + Registers + Pushes + Send + Sync
{
}

impl<T> Store for T where
    T: Journal + Log + Inbox + Members + Cursors + Marks + Sessions + Registers + Pushes + Send + Sync
{
}
