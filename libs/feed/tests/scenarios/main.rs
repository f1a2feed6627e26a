//! The feed on the embedded store, as the broker and the bridge use it: by its traits only.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod backlog;
mod chaos;
mod device;
mod live;
mod marks;
mod membership;
mod presence;
mod sessions;
mod world;
