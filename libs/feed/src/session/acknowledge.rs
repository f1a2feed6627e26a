//! Acknowledgements from the device, and what is still in flight when its connection ends.

use std::sync::Arc;

use longwave_model::{ConversationId, Seq};
use longwave_persistence::InFlight;
use longwave_port::Ticket;

use super::offer::After;
use super::{Place, Session, State};
use crate::hub::Hub;

impl Session {
    /// See [`longwave_port::Outlet::acked`].
    pub(crate) fn acked(self: &Arc<Self>, hub: &Arc<Hub>, ticket: Ticket) {
        let after = {
            let mut state = self.state.lock();
            let mut after = After::default();
            let Some(index) = state.flight_index(ticket) else { return };
            let Some(active) = state.active.as_deref_mut() else { return };
            let flight = &mut active.flights[index];
            if std::mem::replace(&mut flight.acked, true) {
                return;
            }
            if let Some(conversation) = active.conversations.get_mut(&flight.conversation) {
                conversation.touched = true;
                conversation.tell |= flight.foreign;
                if let Place::Known(position) = &mut conversation.place {
                    after.dirty = position.ack(flight.seq);
                }
            }
            while active.flights.front().is_some_and(|flight| flight.acked) {
                active.flights.pop_front();
            }
            self.finish(&mut state, after, hub)
        };
        self.follow_up(hub, after);
    }
}

impl State {
    /// What to remember as in flight: what the connection says, then what it did not get to resend.
    pub(crate) fn in_flight(&self, sent: &[(u16, Ticket)]) -> Vec<InFlight> {
        let Some(active) = &self.active else { return Vec::new() };
        let is_wanted = |conversation: &ConversationId| {
            active.conversations.get(conversation).is_some_and(|conversation| conversation.encoding.is_some())
        };
        let mut in_flight = Vec::new();
        for (packet_id, ticket) in sent {
            let Some(flight) = self.flight_index(*ticket).map(|index| &active.flights[index]) else { continue };
            if !flight.acked && is_wanted(&flight.conversation) {
                in_flight.push(InFlight {
                    packet_id: *packet_id,
                    conversation: flight.conversation.clone(),
                    seq: Seq(flight.seq),
                });
            }
        }
        let unsent = active.resends.iter().map(|resend| InFlight {
            packet_id: resend.packet_id,
            conversation: resend.conversation.clone(),
            seq: resend.entry.seq,
        });
        in_flight.extend(unsent.chain(active.resume.iter().cloned()).filter(|unsent| is_wanted(&unsent.conversation)));
        in_flight
    }

    fn flight_index(&self, ticket: Ticket) -> Option<usize> {
        let flights = &self.active.as_ref()?.flights;
        let first = self.tickets - flights.len() as u64;
        let index = usize::try_from(ticket.0.checked_sub(first)?).ok()?;
        (index < flights.len()).then_some(index)
    }
}
