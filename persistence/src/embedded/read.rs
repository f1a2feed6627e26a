//! The reading half of the traits. Whatever needs more than one row reads all of them as of one commit.

mod conversations;
mod devices;
mod entries;
mod journal;
mod pushes;

pub(super) use entries::read_head;
