//! Wakes sleeping devices through APNs, FCM and Web Push.
//!
//! [`send`] takes one notification for one device to its provider and says how that ended. Who is owed a push is decided elsewhere; here
//! nothing is known of conversations, members or stores. `fake` (feature `fake`) is the three providers as servers on this machine.
//!
//! Nothing here logs or shows a device token, a key, an endpoint or a payload: they are [`send::Secret`]s or have a `Debug` of their own.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod send;
