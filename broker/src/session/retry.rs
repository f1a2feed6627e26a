//! Which publishes DUP may refer to: those of earlier connections whose PUBACK was never sent. Their packet ids cannot have been used
//! for anything else since, so DUP is certain to mean them.
//!
//! A PUBACK that was sent and perhaps lost leaves the packet id free in the client's eyes: a DUP may then as well be a later publish
//! with the same id and the same body (a thermometer's, say), whose first attempt never arrived. Taking that one for the former would
//! acknowledge a message that is not stored, so it counts as new: at least once, never lost.

use super::Session;
use crate::codec::packet::Qos;

/// Packet ids of QoS 1 publishes that earlier connections left unanswered.
pub(super) type Unanswered = Option<Box<Vec<u16>>>;

impl Session {
    /// What the session's earlier connections left.
    pub(super) fn remember_unanswered(&mut self, packet_ids: Vec<u16>) {
        self.unanswered = (!packet_ids.is_empty()).then(|| Box::new(packet_ids));
    }

    /// Whether a QoS 1 publish may be a resend. Whatever it is, the packet id now stands for this publish and no earlier one.
    pub(super) fn is_resend(&mut self, packet_id: u16, dup: bool) -> bool {
        let Some(left) = &mut self.unanswered else { return false };
        let Some(index) = left.iter().position(|id| *id == packet_id) else { return false };
        left.swap_remove(index);
        if left.is_empty() {
            self.unanswered = None;
        }
        dup
    }

    /// What DUP may refer to after this connection, the likeliest first, at most Receive Maximum.
    pub(super) fn unsettled(&mut self) -> Vec<u16> {
        let maximum = self.receive_maximum();
        let pending = self.pending.iter().filter(|pending| pending.qos == Qos::AtLeastOnce);
        let mut ids: Vec<u16> = pending.map(|pending| pending.packet_id).collect();
        ids.extend(self.unanswered.take().into_iter().flat_map(|left| *left));
        ids.truncate(maximum);
        ids
    }
}
