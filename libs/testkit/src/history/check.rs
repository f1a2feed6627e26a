//! The promises as questions to a record.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::{Acknowledged, Delivered, Device, Record};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// P1, P5: acknowledged, and a device never got it.
    Lost {
        /// Who lacks it.
        device: Device,
        /// What.
        message: Acknowledged,
    },
    /// P2: one message has two seqs.
    StoredTwice {
        /// Conversation.
        conversation: String,
        /// Message id.
        id: String,
        /// Its seqs.
        seqs: Vec<u64>,
    },
    /// P3: one seq has two messages.
    SeqReused {
        /// Conversation.
        conversation: String,
        /// The seq.
        seq: u64,
        /// Its messages.
        ids: Vec<String>,
    },
    /// P3: a device got seqs out of order within one connection.
    OutOfOrder {
        /// Who.
        device: Device,
        /// What came.
        delivered: Delivered,
        /// After this seq.
        after: u64,
    },
    /// P3: a device's seqs have a hole at the moment a later one arrived.
    Gap {
        /// Who.
        device: Device,
        /// What came.
        delivered: Delivered,
        /// The seq that was expected at the latest.
        expected: u64,
    },
    /// P3: a sender's messages do not have the order in which it sent them.
    SenderOrder {
        /// Conversation.
        conversation: String,
        /// Sender.
        sender: String,
        /// The earlier message and its seq.
        earlier: (String, u64),
        /// The later message and its seq.
        later: (String, u64),
    },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { device, message } => write!(
                f,
                "lost: {}/{} never got {} seq {} ({}) from {}",
                device.0, device.1, message.conversation, message.seq, message.id, message.sender
            ),
            Self::StoredTwice { conversation, id, seqs } => {
                write!(f, "stored twice: {id} in {conversation} has seqs {seqs:?}")
            }
            Self::SeqReused { conversation, seq, ids } => {
                write!(f, "seq reused: {conversation} seq {seq} is {ids:?}")
            }
            Self::OutOfOrder { device, delivered, after } => write!(
                f,
                "out of order: {}/{} got {} seq {} after {after} on connection {}",
                device.0, device.1, delivered.conversation, delivered.seq, delivered.connection
            ),
            Self::Gap { device, delivered, expected } => write!(
                f,
                "gap: {}/{} got {} seq {} where {expected} was due",
                device.0, device.1, delivered.conversation, delivered.seq
            ),
            Self::SenderOrder { conversation, sender, earlier, later } => {
                write!(f, "sender order: {sender} in {conversation}: {earlier:?} was sent before {later:?}")
            }
        }
    }
}

/// Every broken promise of a record in which all clients have come to rest.
#[must_use]
pub fn check(record: &Record) -> Vec<Breach> {
    let mut breaches: Vec<Breach> =
        missing(record).map(|(device, message)| Breach::Lost { device, message: message.clone() }).collect();
    identities(record, &mut breaches);
    for (device, deliveries) in &record.delivered {
        order(record, device, deliveries, &mut breaches);
    }
    breaches
}

/// Acknowledged messages that a device of a member lacks.
pub(super) fn missing(record: &Record) -> impl Iterator<Item = (Device, &Acknowledged)> {
    let got: HashMap<&Device, BTreeSet<(&str, u64)>> = record
        .delivered
        .iter()
        .map(|(device, list)| (device, list.iter().map(|one| (one.conversation.as_str(), one.seq)).collect()))
        .collect();
    record.acknowledged.iter().flat_map(move |message| {
        let members = record.conversations.get(&message.conversation).map_or(&[][..], |one| &one.members);
        got.iter()
            .filter(|(device, have)| {
                members.contains(&device.0) && !have.contains(&(message.conversation.as_str(), message.seq))
            })
            .map(|(device, _)| ((*device).clone(), message))
            .collect::<Vec<_>>()
    })
}

fn identities(record: &Record, breaches: &mut Vec<Breach>) {
    let mut seqs: BTreeMap<(&str, &str), BTreeSet<u64>> = BTreeMap::new();
    let mut ids: BTreeMap<(&str, u64), BTreeSet<&str>> = BTreeMap::new();
    let receipts = record.acknowledged.iter().map(|one| (&one.conversation, &one.id, one.seq));
    let deliveries = record.delivered.values().flatten();
    let deliveries = deliveries.filter_map(|one| Some((&one.conversation, one.id.as_ref()?, one.seq)));
    for (conversation, id, seq) in receipts.chain(deliveries) {
        seqs.entry((conversation, id)).or_default().insert(seq);
        ids.entry((conversation, seq)).or_default().insert(id);
    }
    for ((conversation, id), seqs) in seqs.iter().filter(|(_, seqs)| seqs.len() > 1) {
        breaches.push(Breach::StoredTwice {
            conversation: (*conversation).to_owned(),
            id: (*id).to_owned(),
            seqs: seqs.iter().copied().collect(),
        });
    }
    for ((conversation, seq), ids) in ids.iter().filter(|(_, ids)| ids.len() > 1) {
        breaches.push(Breach::SeqReused {
            conversation: (*conversation).to_owned(),
            seq: *seq,
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        });
    }
    for ((sender, conversation), sent) in &record.sent {
        let mut known: Vec<(&String, u64)> = Vec::new();
        for id in sent {
            let found = seqs.get(&(conversation.as_str(), id.as_str())).and_then(|seqs| seqs.first());
            known.extend(found.map(|seq| (id, *seq)));
        }
        for pair in known.windows(2).filter(|pair| pair[0].1 >= pair[1].1) {
            breaches.push(Breach::SenderOrder {
                conversation: conversation.clone(),
                sender: sender.clone(),
                earlier: (pair[0].0.clone(), pair[0].1),
                later: (pair[1].0.clone(), pair[1].1),
            });
        }
    }
}

/// Within a connection seqs rise; over all connections no seq comes before the one below it has come.
fn order(record: &Record, device: &Device, deliveries: &[Delivered], breaches: &mut Vec<Breach>) {
    let mut highest: HashMap<&str, u64> = HashMap::new();
    let mut on_connection: HashMap<(&str, u64), u64> = HashMap::new();
    for one in deliveries {
        let before = on_connection.insert((&one.conversation, one.connection), one.seq).unwrap_or(0);
        if one.seq <= before {
            breaches.push(Breach::OutOfOrder { device: device.clone(), delivered: one.clone(), after: before });
        }
        let first = record.conversations.get(&one.conversation).map_or(1, |conversation| conversation.first_seq);
        let high = highest.entry(&one.conversation).or_insert(first - 1);
        if one.seq > *high + 1 {
            breaches.push(Breach::Gap { device: device.clone(), delivered: one.clone(), expected: *high + 1 });
        }
        *high = one.seq.max(*high);
    }
}

#[cfg(test)]
mod tests;
