//! Which cursors of a device count, and how its session row was written last.
//!
//! Cursors lie under a *generation*: the connection number with which the session started clean. A raise that comes late for a former
//! start lands in a generation that nobody reads, so nothing has to be fenced; a cursor itself is a max register with its seq as the
//! timestamp. The session row is a register ordered by (connection, how often that connection has written it).

use hashbrown::HashMap;
use longwave_model::{DeviceId, UserId};
use rustc_hash::FxBuildHasher;

/// Devices that are remembered; what is forgotten is read again.
const REMEMBERED: usize = 200_000;

/// Bits of a timestamp below the connection number. Connection numbers are Unix times in milliseconds, which fit above them until 2109.
const VERSION_BITS: u32 = 21;

/// What is remembered of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Known {
    /// The generation of its cursors; 0 before its first session.
    pub(super) generation: i64,
    /// The connection that wrote the row last.
    pub(super) connection: u64,
    /// How often that one has.
    pub(super) version: u64,
}

/// The devices seen lately.
#[derive(Debug, Default)]
pub(super) struct Devices {
    known: HashMap<(UserId, DeviceId), Known, FxBuildHasher>,
}

impl Devices {
    pub(super) fn get(&self, user: &UserId, device: &DeviceId) -> Option<Known> {
        self.known.get(&(user.clone(), device.clone())).copied()
    }

    pub(super) fn learn(&mut self, user: &UserId, device: &DeviceId, known: Known) {
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert((user.clone(), device.clone()), known);
    }

    pub(super) fn forget(&mut self, user: &UserId, device: &DeviceId) {
        self.known.remove(&(user.clone(), device.clone()));
    }
}

impl Known {
    /// What it is after `connection` writes the row once more. `None` when that connection has used up its timestamps.
    pub(super) fn written_by(self, connection: u64) -> Option<Self> {
        let version = if connection == self.connection { self.version + 1 } else { 0 };
        (version < LAST_VERSION).then_some(Self { connection, version, ..self })
    }

    /// The write timestamp of the row.
    pub(super) fn timestamp(self) -> i64 {
        timestamp(self.connection, self.version)
    }
}

/// A timestamp after everything that this connection may write, and before all that a later one does.
pub(super) fn last_timestamp(connection: u64) -> i64 {
    timestamp(connection, LAST_VERSION)
}

const LAST_VERSION: u64 = (1 << VERSION_BITS) - 1;

fn timestamp(connection: u64, version: u64) -> i64 {
    let shifted = connection.saturating_mul(1 << VERSION_BITS);
    super::execute::signed(shifted.saturating_add(version))
}

#[cfg(test)]
mod tests {
    use super::{Known, LAST_VERSION, last_timestamp};

    #[test]
    fn timestamps_order_by_connection_and_then_by_write() {
        let first = Known { connection: 1_800_000_000_000, ..Known::default() };
        let second = first.written_by(first.connection).unwrap();
        let other = second.written_by(first.connection + 1).unwrap();
        assert!(first.timestamp() < second.timestamp());
        assert!(second.timestamp() < last_timestamp(first.connection));
        assert!(last_timestamp(first.connection) < other.timestamp());
        assert!(last_timestamp(4_000_000_000_000) < i64::MAX, "until 2096");
    }

    #[test]
    fn a_connection_that_has_used_up_its_timestamps_writes_no_more() {
        let worn = Known { connection: 5, version: LAST_VERSION - 1, generation: 0 };
        assert_eq!(worn.written_by(5), None);
        assert!(worn.written_by(6).is_some());
    }
}
