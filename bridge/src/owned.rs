//! Which shards this process owns, as its lanes know.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use longwave_model::ShardId;

/// A flag per shard.
#[derive(Debug)]
pub(crate) struct OwnedShards(Box<[AtomicBool]>);

impl OwnedShards {
    pub(crate) fn new(shards: u16) -> Self {
        Self((0..shards).map(|_| AtomicBool::new(false)).collect())
    }

    pub(crate) fn set(&self, shard: ShardId, owned: bool) {
        if let Some(flag) = self.0.get(usize::from(shard.0)) {
            flag.store(owned, Relaxed);
        }
    }

    pub(crate) fn has(&self, shard: ShardId) -> bool {
        self.0.get(usize::from(shard.0)).is_some_and(|flag| flag.load(Relaxed))
    }

    /// Whether it has any.
    pub(crate) fn has_any(&self) -> bool {
        self.0.iter().any(|flag| flag.load(Relaxed))
    }
}
