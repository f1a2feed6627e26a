//! What is true of a session between any two events. Checked in debug builds after each, and by the property test.

use super::Session;
use crate::codec::packet::{Qos, Version};

impl Session {
    /// The first thing that is not as it must be.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.is_closed() && !(self.outgoing.is_empty() && self.pending.is_empty() && self.asking.is_none()) {
            return Err("a closed session still has work");
        }
        if self.outgoing.len() > usize::from(self.window) {
            return Err("more is in flight than the client takes");
        }
        let expected = if self.is_live() { usize::from(self.window) - self.outgoing.len() } else { 0 };
        if self.room() != expected {
            return Err("room is not what the window leaves");
        }
        if !distinct(self.outgoing.iter().map(|sent| sent.packet_id)) {
            return Err("a packet id is 0 or in flight twice");
        }
        if self.pending.front().is_some_and(|first| first.done) {
            return Err("a publish that is done was kept");
        }
        if self
            .pending
            .iter()
            .find(|pending| pending.qos != Qos::AtMostOnce)
            .is_some_and(|first| first.answer.is_some())
        {
            return Err("an answered publish was not acknowledged");
        }
        if self.pending.iter().zip(self.pending.iter().skip(1)).any(|(earlier, later)| earlier.at > later.at) {
            return Err("publishes are not in order of arrival");
        }
        if !distinct(
            self.pending.iter().filter(|pending| pending.qos != Qos::AtMostOnce).map(|pending| pending.packet_id),
        ) {
            return Err("a packet id is 0 or awaits two answers");
        }
        if self.version == Version::V5 && self.unacknowledged() > self.receive_maximum() {
            return Err("the client may have more unacknowledged than Receive Maximum");
        }
        Ok(())
    }
}

fn distinct(ids: impl Iterator<Item = u16>) -> bool {
    let mut ids: Vec<u16> = ids.collect();
    ids.sort_unstable();
    ids.first() != Some(&0) && ids.windows(2).all(|pair| pair[0] != pair[1])
}
