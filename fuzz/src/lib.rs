//! What the fuzz targets run. Codec and session are compiled from their sources, not through the broker crate: they need none of its
//! network and TLS dependencies, so that a fuzz build takes seconds instead of minutes.

#[path = "../../broker/src"]
mod broker {
    pub mod codec;
    pub mod limits;
    pub mod session;
}

mod client;
mod payload;
mod stream;

pub use broker::{codec, limits, session};
pub use client::play;
pub use payload::payload;
pub use stream::stream;
