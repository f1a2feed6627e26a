//! Reads acknowledgements that consist of a packet id only: nearly all of them, and as many as there are publishes.

use super::frame::{PUBACK, PUBCOMP, PUBREC, PUBREL};
use super::packet::{Ack, Packet};

/// `None` when the packet is another one, or has more in it.
pub(super) fn decode(first: u8, body: &[u8]) -> Option<Packet> {
    let packet_id = match body {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => return None,
    };
    if packet_id == 0 {
        return None;
    }
    let ack = Ack { packet_id, ..Ack::default() };
    match (first >> 4, first & 0x0f) {
        (PUBACK, 0) => Some(Packet::PubAck(ack)),
        (PUBREC, 0) => Some(Packet::PubRec(ack)),
        (PUBREL, 2) => Some(Packet::PubRel(ack)),
        (PUBCOMP, 0) => Some(Packet::PubComp(ack)),
        _ => None,
    }
}
