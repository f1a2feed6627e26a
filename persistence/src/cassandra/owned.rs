//! What this process knows of a shard that it has owned: watermarks never fall, and its own commits are not *before the start*.

use longwave_model::{OwnerId, Position};

use crate::journal::Watermarks;

/// Memory of one shard.
#[derive(Debug, Default)]
pub(super) struct Owned {
    watermarks: Watermarks,
    /// Who has taken it through this process.
    owners: Vec<OwnerId>,
    last_commit: u64,
}

impl Owned {
    /// It was taken: `former` owned it before, the statics say the rest. Returns when others committed to it last.
    pub(super) fn taken(&mut self, former: OwnerId, owner: OwnerId, stored: Watermarks, last_commit: u64) -> u64 {
        if !self.owners.contains(&former) {
            self.last_commit = last_commit;
        }
        if !self.owners.contains(&owner) {
            self.owners.push(owner);
        }
        self.watermarks = stored;
        self.last_commit
    }

    /// The watermarks to write, at least those already stored.
    pub(super) fn raise(&mut self, asked: Watermarks) -> Watermarks {
        let max = |one: Position, other: Position| one.max(other);
        Watermarks {
            applied: max(self.watermarks.applied, asked.applied),
            settled: max(self.watermarks.settled, asked.settled),
        }
    }

    /// They are stored.
    pub(super) fn stored(&mut self, watermarks: Watermarks) {
        self.watermarks = watermarks;
    }
}
