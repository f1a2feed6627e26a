//! Which publishes DUP may refer to: those of earlier connections whose PUBACK was never sent. Their packet ids cannot have been used
//! for anything else since, so DUP is certain to mean them.
//!
//! A PUBACK that was sent and perhaps lost leaves the packet id free in the client's eyes: a DUP may then as well be a later publish
//! with the same id and the same body (a thermometer's, say), whose first attempt never arrived. Taking that one for the former would
//! acknowledge a message that is not stored, so it counts as new: at least once, never lost.

use longwave_model::FirstSending;

use super::Session;
use crate::codec::packet::Qos;

/// QoS 1 publishes that earlier connections left unanswered, by packet id.
pub(super) type Unanswered = Option<Box<Vec<(u16, FirstSending)>>>;

impl Session {
    /// What the session's earlier connections left.
    pub(super) fn remember_unanswered(&mut self, left: Vec<(u16, FirstSending)>) {
        self.unanswered = (!left.is_empty()).then(|| Box::new(left));
    }

    /// What a QoS 1 publish may be a resend of. Whatever it is, the packet id now stands for this publish and no earlier one.
    pub(super) fn resend_of(&mut self, packet_id: u16, dup: bool) -> Option<FirstSending> {
        let left = self.unanswered.as_mut()?;
        let index = left.iter().position(|(id, _)| *id == packet_id)?;
        let (_, first) = left.swap_remove(index);
        if left.is_empty() {
            self.unanswered = None;
        }
        dup.then_some(first)
    }

    /// What DUP may refer to after this connection, the likeliest first, at most Receive Maximum.
    pub(super) fn unsettled(&mut self) -> Vec<(u16, FirstSending)> {
        let maximum = self.receive_maximum();
        let pending = self.pending.iter().filter(|pending| pending.qos == Qos::AtLeastOnce);
        let mut unsettled: Vec<_> = pending.map(|pending| (pending.packet_id, pending.first)).collect();
        unsettled.extend(self.unanswered.take().into_iter().flat_map(|left| *left));
        unsettled.truncate(maximum);
        unsettled
    }
}
