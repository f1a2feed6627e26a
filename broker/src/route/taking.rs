//! QoS 2 publishes on plain topics are routed once, however often they come: on the next connection, and after a crash.
//!
//! A publish that waits to be stored is neither new nor done. Whoever repeats it then is told nothing, and repeats it again.

use longwave_model::{PlainFact, PlainState};
use longwave_port::{Guarantee, Publish};

use super::router::Router;
use super::subscriber::Subscriber;

/// What a publish is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It was not routed before.
    First,
    /// It is being stored.
    Pending,
    /// It was routed.
    Done,
}

/// A QoS 2 publish of a device that is not released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) packet_id: u16,
    pub(super) uses: u32,
    /// It was routed; else it is being stored.
    pub(super) is_done: bool,
}

impl Router {
    /// A publish comes.
    pub(super) fn arrives(&self, publish: &Publish) -> Arrival {
        let Guarantee::ExactlyOnce { packet_id, uses } = publish.guarantee else { return Arrival::First };
        let subscriber = self.subscriber(&publish.sender);
        let mut state = subscriber.state.lock();
        match state.received.iter().find(|taken| taken.packet_id == packet_id) {
            Some(known) if known.uses == uses => {
                return if known.is_done { Arrival::Done } else { Arrival::Pending };
            }
            _ => {}
        }
        state.received.retain(|taken| taken.packet_id != packet_id);
        state.received.push(Taken { packet_id, uses, is_done: false });
        Arrival::First
    }

    /// What it was is settled: it was routed, or it was not and may come again as if for the first time.
    pub(super) fn settle(&self, taken: &PlainState, is_done: bool) {
        let PlainFact::Taken { packet_id, uses: Some(uses) } = taken.fact else { return };
        let key = (taken.user.clone(), taken.device.clone());
        let Some(subscriber) = self.subscribers.lock().get(&key).cloned() else { return };
        let mut state = subscriber.state.lock();
        if is_done {
            let known = state.received.iter_mut().find(|known| known.packet_id == packet_id && known.uses == uses);
            if let Some(known) = known {
                known.is_done = true;
            }
        } else {
            state.received.retain(|known| known.packet_id != packet_id || known.uses != uses);
        }
    }
}

impl Subscriber {
    /// The packet id may mean another publish from now on. The fact to store, where there is one.
    pub(super) fn released(&self, packet_id: u16) -> Option<PlainState> {
        let mut state = self.state.lock();
        state.received.retain(|taken| taken.packet_id != packet_id);
        state.has_facts.then(|| self.fact(PlainFact::Taken { packet_id, uses: None }))
    }
}

/// What a QoS 2 publish leaves in the log, so that it is known when it comes again after a crash.
pub(super) fn taken(publish: &Publish) -> Option<PlainState> {
    let Guarantee::ExactlyOnce { packet_id, uses } = publish.guarantee else { return None };
    let (user, device) = (publish.sender.user.clone(), publish.sender.device.clone());
    Some(PlainState { user, device, fact: PlainFact::Taken { packet_id, uses: Some(uses) } })
}
