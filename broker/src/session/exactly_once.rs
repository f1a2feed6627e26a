//! QoS 2 from the device, by the method that stores on PUBLISH (4.3.3, method B): PUBLISH → stored → PUBREC → PUBREL → use stored →
//! PUBCOMP. How often a packet id was released tells a resend from a new publish with the same id, also after a crash.

use longwave_model::Refusal;
use rustc_hash::FxHashMap;

use super::{Effect, Now, Session, protocol_error, reason};
use crate::codec::packet::{Ack, Packet, Qos};

/// What is known of packet ids at QoS 2.
#[derive(Debug, Default)]
pub(super) struct ExactlyOnce {
    ids: FxHashMap<u16, Use>,
    /// Published on this connection and not completed: what the client counts.
    open: u16,
    /// Of these and of earlier connections' the ones whose use is being stored.
    releasing: u16,
}

#[derive(Debug, Clone, Copy, Default)]
struct Use {
    released: u32,
    stage: Stage,
    /// Whether it is in `open`.
    open: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing has come on this connection: an earlier one may have got as far as PUBREC.
    #[default]
    Earlier,
    /// PUBREC was sent.
    Received,
    /// PUBREL came; its use is being stored.
    Releasing,
    /// PUBCOMP was sent on this connection, or the publish refused.
    Idle,
}

/// What a PUBLISH at QoS 2 is.
pub(super) enum Arrival {
    /// Not seen on this connection; its packet id was released that often.
    New(u32),
    /// Stored already: PUBREC once more.
    Repeated,
    /// The packet id is in use by a publish that was released and is not completed.
    InUse,
}

impl ExactlyOnce {
    /// For a session that had released these.
    pub(super) fn after(uses: Vec<(u16, u32)>) -> Option<Box<Self>> {
        if uses.is_empty() {
            return None;
        }
        let ids = uses.into_iter().map(|(id, released)| (id, Use { released, ..Use::default() })).collect();
        Some(Box::new(Self { ids, open: 0, releasing: 0 }))
    }

    /// How many wait for their use to be stored.
    pub(super) fn releasing(&self) -> usize {
        usize::from(self.releasing)
    }

    /// How many have a PUBREC and no PUBCOMP.
    pub(super) fn open(&self) -> usize {
        usize::from(self.open)
    }

    fn set(&mut self, packet_id: u16, to: Stage) -> u32 {
        let entry = self.ids.entry(packet_id).or_default();
        if entry.stage == Stage::Releasing {
            self.releasing -= 1;
            entry.released += u32::from(to == Stage::Idle);
        }
        self.releasing += u16::from(to == Stage::Releasing);
        // A PUBREL from before the connection opens nothing.
        let open = to == Stage::Received || (to == Stage::Releasing && entry.open);
        self.open = self.open - u16::from(entry.open) + u16::from(open);
        entry.open = open;
        entry.stage = to;
        entry.released
    }

    fn stage(&self, packet_id: u16) -> Option<Stage> {
        self.ids.get(&packet_id).map(|entry| entry.stage)
    }
}

impl Session {
    pub(super) fn arrival(&self, packet_id: u16) -> Arrival {
        let Some(entry) = self.exactly_once.as_ref().and_then(|state| state.ids.get(&packet_id)) else {
            return Arrival::New(0);
        };
        match entry.stage {
            Stage::Received => Arrival::Repeated,
            Stage::Releasing => Arrival::InUse,
            Stage::Earlier | Stage::Idle => Arrival::New(entry.released),
        }
    }

    /// PUBREC goes out, with success or not.
    pub(super) fn received(&mut self, packet_id: u16, stored: bool) {
        let state = self.exactly_once.get_or_insert_default();
        // [MQTT-4.3.3-9]: a PUBREC with an error ends the use of the packet id.
        state.set(packet_id, if stored { Stage::Received } else { Stage::Idle });
    }

    /// PUBREL came.
    pub(super) fn release(&mut self, packet_id: u16, now: Now, effects: &mut Vec<Effect>) {
        if self.pending.iter().any(|pending| pending.qos == Qos::ExactlyOnce && pending.packet_id == packet_id) {
            return self.break_off(0x82, &protocol_error("PUBREL was sent before PUBREC came"), now, effects);
        }
        let stage = self.exactly_once.as_ref().and_then(|state| state.stage(packet_id));
        match stage {
            Some(Stage::Received) => {}
            Some(Stage::Releasing) => return,
            // PUBREC may have been sent by an earlier connection. Releasing a packet id once too often is harmless.
            Some(Stage::Earlier) | None if self.present => {}
            Some(Stage::Earlier | Stage::Idle) | None => {
                self.send_fitting(Packet::PubComp(self.not_found(packet_id)), effects);
                return;
            }
        }
        let released = self.exactly_once.get_or_insert_default().set(packet_id, Stage::Releasing);
        effects.push(Effect::Released { packet_id, uses: released.saturating_add(1) });
    }

    /// The use is stored, so that the packet id may be used anew.
    pub(super) fn released(
        &mut self,
        packet_id: u16,
        result: Result<(), Refusal>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(state) = self.exactly_once.as_mut().filter(|state| state.stage(packet_id) == Some(Stage::Releasing))
        else {
            return;
        };
        match result {
            Ok(()) => {
                state.set(packet_id, Stage::Idle);
                effects.push(Effect::Send(Packet::PubComp(Ack { packet_id, ..Ack::default() })));
            }
            // Without PUBCOMP the device sends PUBREL again when it comes back.
            Err(refusal) => self.break_off(reason::of_disconnect(refusal.code), &refusal, now, effects),
        }
    }
}
