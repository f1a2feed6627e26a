//! PUBACK from the device.

use super::{Effect, Session};
use crate::codec::packet::Ack;

impl Session {
    /// A PUBACK with an error counts like any other: the device will not take this message, and MQTT has no second try on the same
    /// connection; without moving on, it would be sent at every reconnect and hold up the conversation for ever. An unknown packet id
    /// is ignored: it may belong to a delivery that was given up.
    pub(super) fn delivery_acknowledged(&mut self, ack: &Ack, effects: &mut Vec<Effect>) {
        let Some(index) = self.outgoing.iter().position(|(id, _)| *id == ack.packet_id) else { return };
        if let Some((_, ticket)) = self.outgoing.remove(index) {
            effects.push(Effect::Acked(ticket));
        }
        if self.outgoing.is_empty() {
            self.outgoing = std::collections::VecDeque::new();
        }
    }
}
