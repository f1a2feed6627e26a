//! How users want their devices to be woken: which devices have a token, which conversations are muted, when it is night.
//!
//! All of it is registers. The bridge writes them when a device asks for it, the push worker reads them when it decides.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod mute;
mod quiet;
mod registers;
mod registration;

pub use mute::Mute;
pub use quiet::{QuietError, QuietHours};
pub use registers::{
    WakeError, is_registered, mute_of, quiet_hours_of, register, registrations_of, remove_if_unchanged, set_mute,
    set_quiet_hours, unregister,
};
pub use registration::{Address, Registered, Registration};
