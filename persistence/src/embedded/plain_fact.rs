//! Facts about sessions on plain topics as rows: (user, device, kind, subject) → value.

use longwave_model::{PlainFact, PlainFlight, PlainState};

use super::keys;

const DONE: u8 = b'd';
const SINCE: u8 = b's';
const FLIGHT: u8 = b'f';
const TAKEN: u8 = b't';

/// The row of a fact: its key, and its value unless it is to be removed. `None` for the end of a session, which is no row.
pub(super) fn encode(state: &PlainState) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let (kind, subject, value) = match &state.fact {
        PlainFact::Done(number) => (DONE, Vec::new(), Some(number.to_be_bytes().to_vec())),
        PlainFact::Since { filter, number } => {
            (SINCE, filter.as_bytes().to_vec(), number.map(|number| number.to_be_bytes().to_vec()))
        }
        PlainFact::Flight { number, flight } => {
            let value = flight.map(|PlainFlight { packet_id, received }| {
                let [high, low] = packet_id.to_be_bytes();
                vec![high, low, u8::from(received)]
            });
            (FLIGHT, number.to_be_bytes().to_vec(), value)
        }
        PlainFact::Taken { packet_id, uses } => {
            (TAKEN, packet_id.to_be_bytes().to_vec(), uses.map(|uses| uses.to_be_bytes().to_vec()))
        }
        PlainFact::Ended => return None,
    };
    let mut key = keys::cursor_prefix(&state.user, &state.device);
    key.push(kind);
    key.extend_from_slice(&subject);
    Some((key, value))
}

/// Takes a row back; `None` when it is damaged.
pub(super) fn decode(key: &[u8], value: &[u8]) -> Option<PlainState> {
    let mut parts = key.splitn(3, |byte| *byte == 0);
    let (user, device) = (keys::user(parts.next()?)?, keys::device(parts.next()?)?);
    let (kind, subject) = parts.next()?.split_first()?;
    let fact = match *kind {
        DONE => PlainFact::Done(u64::from_be_bytes(value.try_into().ok()?)),
        SINCE => PlainFact::Since {
            filter: std::str::from_utf8(subject).ok()?.into(),
            number: Some(u64::from_be_bytes(value.try_into().ok()?)),
        },
        FLIGHT => {
            let [high, low, received] = *value else { return None };
            let flight = PlainFlight { packet_id: u16::from_be_bytes([high, low]), received: received != 0 };
            PlainFact::Flight { number: u64::from_be_bytes(subject.try_into().ok()?), flight: Some(flight) }
        }
        TAKEN => PlainFact::Taken {
            packet_id: u16::from_be_bytes(subject.try_into().ok()?),
            uses: Some(u32::from_be_bytes(value.try_into().ok()?)),
        },
        _ => return None,
    };
    Some(PlainState { user, device, fact })
}
