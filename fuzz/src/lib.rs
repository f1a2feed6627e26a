//! What the fuzz targets run. Codec and session are compiled from their sources, not through the broker crate: they need none of its
//! network and TLS dependencies, so that a fuzz build takes seconds instead of minutes.

#[path = "../../broker/src"]
mod broker {
    pub mod codec;
    pub mod limits;
    #[allow(dead_code, reason = "the listeners use the rest of it")]
    pub(crate) mod meter;
    pub mod session;
}

mod client;
mod payload;
mod stream;

pub(crate) use broker::meter;
pub use broker::{codec, limits, session};
pub use client::play;
pub use payload::payload;
pub use stream::stream;
