//! Times and limits of the link.

use std::time::Duration;

/// How often a bridge says that it lives.
pub(crate) const BEAT: Duration = Duration::from_millis(400);

/// A bridge that was not heard of for so long is given up; until then, from the beat that was heard, its lease holds. The same on both
/// sides, so it is no setting.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

/// Times and limits of a broker's side.
#[derive(Debug, Clone)]
pub struct LinkSettings {
    /// The broker's name among the nodes.
    pub node: String,
    /// Number of shards of the store.
    pub shards: u16,
    /// What bridges show at the internal listener. Never logged.
    pub secret: String,
    /// Bytes of publishes that wait for bridges; above, publishes are refused.
    pub queue_bytes: u64,
    /// A publish that has no answer for so long is given up: its connection was closed long before.
    pub give_up: Duration,
}
