//! How a session ends: by the client's DISCONNECT, by ours, or without a word.

use longwave_model::Refusal;
use longwave_port::Closing;

use super::connect::Phase;
use super::{Effect, Now, Session, protocol_error, reason};
use crate::codec::packet::{Disconnect, Packet, Version};
use crate::codec::{self, DecodeError};

const SERVER_SHUTTING_DOWN: u8 = 0x8b;
const USE_ANOTHER_SERVER: u8 = 0x9c;

impl Session {
    /// The client says good-bye.
    pub(super) fn disconnect(&mut self, disconnect: &Disconnect, now: Now, effects: &mut Vec<Effect>) {
        if let Some(expiry) = disconnect.session_expiry {
            // [MQTT-3.1.2-23] and 3.14.2.2.2: a session that was to end with its connection cannot be kept after all.
            if self.expiry_seconds == 0 && expiry != 0 {
                let refusal = protocol_error("DISCONNECT cannot set a session expiry when CONNECT had none");
                return self.break_off(0x82, &refusal, now, effects);
            }
            self.expiry_seconds = expiry.min(self.limits.session_expiry_max_seconds);
        }
        // [MQTT-3.14.4-3]: with any other reason the will is published.
        self.finish(disconnect.reason == 0, now, effects);
    }

    /// The server ends the connection. Before CONNACK nothing is said: a CONNACK that refuses would keep some clients away for good.
    pub(super) fn close_for(&mut self, refusal: &Refusal, now: Now, effects: &mut Vec<Effect>) {
        if self.is_live() {
            self.break_off(reason::of_disconnect(refusal.code), refusal, now, effects);
        } else {
            self.end(now, effects);
        }
    }

    /// Bytes came that are no packet.
    pub(super) fn undecodable(&mut self, error: DecodeError, now: Now, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Waiting { .. } => self.undecodable_connect(error, now, effects),
            Phase::Live => self.break_off(error.reason, &error.into(), now, effects),
            _ => self.end(now, effects),
        }
    }

    /// Ends a live connection; 5.0 clients hear why [MQTT-3.14.0-1], 3.1.1 knows no DISCONNECT from the server.
    pub(super) fn break_off(&mut self, code: u8, refusal: &Refusal, now: Now, effects: &mut Vec<Effect>) {
        if self.version == Version::V5 {
            // Server redirection (4.11).
            let server_reference = self.limits.server_reference.clone().filter(|_| code == SERVER_SHUTTING_DOWN);
            let packet = Packet::Disconnect(Box::new(Disconnect {
                reason: if server_reference.is_some() { USE_ANOTHER_SERVER } else { code },
                server_reference,
                reason_string: Some(refusal.reason.to_string()),
                user_properties: reason::error_property(refusal.code),
                ..Disconnect::default()
            }));
            self.send_fitting(packet, effects);
        }
        self.end(now, effects);
    }

    /// Ends without a good-bye of the client.
    pub(super) fn end(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.finish(false, now, effects);
    }

    /// The last effect.
    fn finish(&mut self, good_bye: bool, now: Now, effects: &mut Vec<Effect>) {
        let closing = Closing {
            expiry_seconds: self.expiry_seconds,
            unsettled: self.unsettled(),
            in_flight: std::mem::take(&mut self.outgoing).iter().map(|sent| (sent.packet_id, sent.ticket)).collect(),
            good_bye,
            now: now.unix,
        };
        self.phase = Phase::Closed;
        self.pending.clear();
        self.asking = None;
        effects.push(Effect::Close(closing));
    }

    /// Sends a packet; what only explains is left out, last part first, when the packet is too large for the client
    /// [MQTT-3.2.2-19] and its like. A packet that does not fit even then is not sent; says whether it was.
    pub(super) fn send_fitting(&self, mut packet: Packet, effects: &mut Vec<Effect>) -> bool {
        let fits = |packet: &Packet| codec::encoded_len(packet, self.version) <= self.maximum_packet as usize;
        if !fits(&packet) {
            if let Some(text) = reason::reason_string(&mut packet) {
                *text = None;
            }
            if !fits(&packet) {
                if let Some(properties) = reason::user_properties(&mut packet) {
                    properties.clear();
                }
                if !fits(&packet) {
                    return false;
                }
            }
        }
        effects.push(Effect::Send(packet));
        true
    }
}
