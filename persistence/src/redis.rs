//! What processes tell each other through Redis: presence, interest, the registry of nodes, the bus, hot entries, rate limits,
//! streams of work.
//!
//! Nothing here may be relied upon: Redis can be emptied, restarted or away at any time, and every call then answers an error within
//! its time limit. Redis need not be there when a process starts. Commands are routed to the masters of a cluster by hand, because the
//! driver's pipelines cannot cross slots; every key stands alone, so no operation needs two keys in one place.

mod bus;
mod config;
mod discover;
mod error;
mod execute;
mod health;
mod hot;
mod inbox;
mod interest;
mod keys;
mod lease;
mod link;
mod nodes;
mod open;
mod pause;
mod presence;
mod rate;
mod request;
mod router;
mod scripts;
mod slot;
mod stream;
mod subscription;
mod task;

use std::fmt;
use std::sync::Arc;

use config::Settings;
use health::Health;
use router::Router;
use task::Task;

pub use config::{RedisConfig, Topology};
pub use error::RedisError;
pub use health::RedisStats;
pub use inbox::BusEvent;
pub use nodes::{NodeRecord, NodeRole};
pub use presence::Holder;
pub use stream::{StreamId, StreamState};
pub use subscription::BusReceiver;

/// Redis, whatever its topology. Cheap to clone; every method may be called from many tasks at once.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    settings: Settings,
    router: Arc<Router>,
    health: Health,
    /// Keeps the map of masters up to date; ends with the last handle.
    _keeper: Option<Task>,
}

impl Redis {
    /// Checks the settings and begins to connect. Redis need not be there: requests fail until it is.
    ///
    /// # Errors
    /// [`RedisError::Setting`] when the settings cannot be right.
    pub async fn connect(config: &RedisConfig) -> Result<Self, RedisError> {
        let settings = Settings::new(config)?;
        let (router, keeper) = Router::start(&settings);
        Ok(Self(Arc::new(Inner { settings, router, health: Health::default(), _keeper: keeper })))
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("addresses", &self.0.settings.addresses).finish_non_exhaustive()
    }
}
