//! Deliveries on their way out, by turns over the conversations that have something.

use std::sync::Arc;

use longwave_port::{Delivery, Resend, Ticket};

use super::offer::After;
use super::{Active, Flight, Place, Session, State};
use crate::hub::Hub;
use crate::item::{Address, Item};
use crate::stats::add;

/// What a take may still move.
struct Budget {
    room: usize,
    bytes: usize,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.room == 0 || self.bytes == 0
    }

    fn spend(&mut self, delivery: &Delivery) {
        self.bytes = self.bytes.saturating_sub(delivery.payload.len());
        if delivery.ticket.is_some() {
            self.room -= 1;
        }
    }
}

impl Session {
    /// See [`longwave_port::Outlet::take`].
    pub(crate) fn take(self: &Arc<Self>, hub: &Arc<Hub>, room: usize, bytes: usize, out: &mut Vec<Delivery>) {
        let mut after = After::default();
        {
            let mut state = self.state.lock();
            state.signalled = false;
            if state.active.is_none() || state.closed {
                return;
            }
            let mut budget = Budget { room, bytes };
            take_events(hub, &mut state, &mut budget, out);
            if !budget.is_spent() {
                let now = hub.now();
                self.take_resends(&mut state, now, &mut budget, out, &mut after);
                self.take_ready(hub, &mut state, now, &mut budget, out, &mut after);
            }
            after = self.finish(&mut state, after, hub);
        }
        self.follow_up(hub, after);
    }

    fn take_resends(
        &self,
        state: &mut State,
        now: u64,
        budget: &mut Budget,
        out: &mut Vec<Delivery>,
        after: &mut After,
    ) {
        let tickets = &mut state.tickets;
        let Some(active) = state.active.as_deref_mut() else { return };
        while !budget.is_spent()
            && let Some(resend) = active.resends.pop_front()
        {
            let id = &resend.conversation;
            let Some(conversation) = active.conversations.get_mut(id) else { continue };
            let Some(encoding) = conversation.encoding else { continue };
            let topic = conversation.topic(self.user(), id, encoding);
            let address = Address { viewer: self.user(), conversation: id, encoding, topic: &topic };
            let seq = resend.entry.seq.0;
            let foreign = resend.entry.sender != *self.user();
            let ticket = Ticket(*tickets);
            match Item::Stored(resend.entry).deliver(&address, now, Some(ticket), Some(Resend(resend.packet_id))) {
                Some(delivery) => {
                    budget.spend(&delivery);
                    out.push(delivery);
                    *tickets += 1;
                    active.flights.push_back(Flight { conversation: id.clone(), seq, foreign, acked: false });
                }
                None => {
                    if let Place::Known(position) = &mut conversation.place {
                        position.ack(seq);
                    }
                    self.after_change(active, id, after);
                }
            }
        }
    }

    fn take_ready(
        &self,
        hub: &Hub,
        state: &mut State,
        now: u64,
        budget: &mut Budget,
        out: &mut Vec<Delivery>,
        after: &mut After,
    ) {
        let tickets = &mut state.tickets;
        let Some(active) = state.active.as_deref_mut() else { return };
        // Packet ids of what is to be resent are taken: nothing new goes out before all of it has gone.
        if !active.resume.is_empty() || !active.resends.is_empty() {
            return;
        }
        let (mut live, mut backlog) = (0, 0);
        while !budget.is_spent()
            && let Some(id) = active.ready.pop_front()
        {
            let Active { conversations, queued, flights, ready, .. } = &mut *active;
            let Some(conversation) = conversations.get_mut(&id) else { continue };
            conversation.is_ready = false;
            let Some(encoding) = conversation.encoding else { continue };
            let topic = conversation.topic(self.user(), &id, encoding);
            let Place::Known(position) = &mut conversation.place else { continue };
            let Some((seq, item)) = position.take() else { continue };
            *queued = queued.saturating_sub(1);
            let more = position.queued() > 0;
            let address = Address { viewer: self.user(), conversation: &id, encoding, topic: &topic };
            if let Some(delivery) = item.deliver(&address, now, Some(Ticket(*tickets)), None) {
                match item {
                    Item::Live(_) => live += 1,
                    _ => backlog += 1,
                }
                budget.spend(&delivery);
                out.push(delivery);
                *tickets += 1;
                let foreign = item.entry().is_some_and(|entry| entry.sender != *self.user());
                flights.push_back(Flight { conversation: id.clone(), seq, foreign, acked: false });
            } else {
                position.ack(seq);
                after.dirty |= conversation.unstored().is_some();
            }
            if more {
                conversation.is_ready = true;
                ready.push_back(id);
            }
        }
        add(&hub.stats.deliveries_live, live);
        add(&hub.stats.deliveries_backlog, backlog);
    }
}

fn take_events(hub: &Hub, state: &mut State, budget: &mut Budget, out: &mut Vec<Delivery>) {
    let Some(active) = state.active.as_deref_mut() else { return };
    let before = out.len();
    while budget.bytes > 0
        && let Some(event) = active.events.pop_front()
    {
        budget.spend(&event);
        out.push(event);
    }
    add(&hub.stats.deliveries_event, (out.len() - before) as u64);
}
