//! One connection: a task that moves events into the session and its effects out, over one of the transports.

mod buffers;
pub(crate) mod deadlines;
mod effects;
mod ending;
pub(crate) mod handle;
mod pending;
pub(crate) mod seat;
mod tally;
mod task;
mod turn;
pub(crate) mod wire;

pub(crate) use task::Connection;
