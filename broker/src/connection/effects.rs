//! Does what the session asks for.

use bytes::BytesMut;
use longwave_port::{Completion, Credentials};
use tracing::error;

use super::buffers;
use super::pending::{Ask, ask};
use super::task::{Connection, Work};
use crate::codec::{EncodeError, encode, encode_outgoing, encode_receipt};
use crate::session::Effect;

impl Connection {
    pub(super) fn perform(&mut self, effect: Effect, work: &mut Work) {
        let version = self.encode_version();
        match effect {
            Effect::Send(packet) => {
                work.tally.packets_out += 1;
                append(&mut work.out, |out| encode(&packet, version, out));
            }
            Effect::Deliver(outgoing) => {
                work.tally.packets_out += 1;
                work.tally.deliveries += 1;
                work.tally.publish_bytes_out += outgoing.payload.len() as u64;
                append(&mut work.out, |out| encode_outgoing(&outgoing, version, out));
            }
            Effect::Receipt(receipt) => {
                work.tally.packets_out += 1;
                append(&mut work.out, |out| {
                    encode_receipt(&receipt, version, out);
                    Ok(())
                });
            }
            Effect::Publish { ticket, publish } => {
                work.tally.publishes += 1;
                work.tally.publish_bytes_in += publish.payload.len() as u64;
                let completion = Completion::new(self.handle.clone(), ticket);
                self.seat.broker.parts.gate.publish(publish, completion);
            }
            Effect::Acked(ticket) => {
                work.tally.acked += 1;
                if let Some(feed) = &self.feed {
                    feed.outlet.acked(ticket);
                }
            }
            Effect::Received(ticket) => {
                if let Some(feed) = &self.feed {
                    feed.outlet.received(ticket);
                }
            }
            Effect::Admit(credentials) => {
                let certificate = self.wire.certificate();
                let address = self.wire.client();
                self.ask(Ask::Admit(Credentials { certificate, address, ..credentials }), work);
            }
            Effect::Open { user, device, service, clean_start, expiry_seconds, will } => {
                self.expiry_seconds = expiry_seconds;
                self.ask(Ask::Open { user, device, service, clean_start, expiry_seconds, will }, work);
            }
            Effect::Subscribe(subscriptions) => self.ask(Ask::Subscribe(subscriptions), work),
            Effect::Unsubscribe(filters) => self.ask(Ask::Unsubscribe(filters), work),
            Effect::Released { packet_id, uses } => self.ask(Ask::Released { packet_id, uses }, work),
            Effect::Slowed => self.seat.broker.stats().slowed.add(1),
            Effect::Close(closing) => work.closing = Some(closing),
        }
    }

    fn ask(&mut self, what: Ask, work: &mut Work) {
        work.asked = true;
        let outlet = self.feed.as_ref().map(|feed| &feed.outlet);
        ask(&mut self.pending, what, &self.seat.broker, &self.handle, outlet);
    }
}

fn append(out: &mut BytesMut, encode: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>) {
    if out.capacity() == 0 {
        *out = buffers::borrow();
    }
    let before = out.len();
    if let Err(error) = encode(out) {
        out.truncate(before);
        error!(%error, "a packet cannot be encoded and is left out");
    }
}
