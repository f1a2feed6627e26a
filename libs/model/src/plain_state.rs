//! What a device's session on plain topics leaves in the store besides its subscriptions: where it stands in the log, and what
//! exactly-once needs to know after a crash.

use std::sync::Arc;

use crate::ids::{DeviceId, UserId};

/// One fact about one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainState {
    /// Whose session.
    pub user: UserId,
    /// Of which device.
    pub device: DeviceId,
    /// The fact.
    pub fact: PlainFact,
}

/// What a fact says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlainFact {
    /// Everything up to this number of the log is done: acknowledged, expired or dropped.
    Done(u64),
    /// The subscription with this filter begins after this number; `None`: it has ended.
    Since {
        /// The filter.
        filter: Arc<str>,
        /// The last number before it.
        number: Option<u64>,
    },
    /// A delivery at QoS 2 of this number of the log; `None`: it is below `Done` by now.
    Flight {
        /// The number.
        number: u64,
        /// How far it is.
        flight: Option<PlainFlight>,
    },
    /// A QoS 2 publish of the device is in the log; `None`: its packet id was released.
    Taken {
        /// The packet id.
        packet_id: u16,
        /// How often the packet id had been released before.
        uses: Option<u32>,
    },
    /// The session has ended: nothing of it is kept.
    Ended,
}

/// A delivery at QoS 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainFlight {
    /// Its packet id: the device knows it by this one until it is complete.
    pub packet_id: u16,
    /// The device has it: PUBREC came.
    pub received: bool,
}
