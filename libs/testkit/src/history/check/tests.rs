//! A clean record has no breach, and each kind of breach is seen.

use super::super::Conversation;
use super::*;

fn record() -> Record {
    let mut record = Record::default();
    let members = vec!["alice".to_owned(), "bob".to_owned()];
    record.conversations.insert("alice:bob".to_owned(), Conversation { members, first_seq: 2 });
    for (id, seq) in [("m1", 2), ("m2", 3)] {
        record.sent.entry(("alice".to_owned(), "alice:bob".to_owned())).or_default().push(id.to_owned());
        record.acknowledged.push(acknowledged(id, seq));
        record.delivered.entry(phone()).or_default().push(delivered(id, seq, 1));
    }
    record
}

fn phone() -> Device {
    ("bob".to_owned(), "phone".to_owned())
}

fn acknowledged(id: &str, seq: u64) -> Acknowledged {
    Acknowledged { conversation: "alice:bob".to_owned(), sender: "alice".to_owned(), id: id.to_owned(), seq }
}

fn delivered(id: &str, seq: u64, connection: u64) -> Delivered {
    Delivered {
        conversation: "alice:bob".to_owned(),
        seq,
        sender: "alice".to_owned(),
        id: Some(id.to_owned()),
        connection,
    }
}

fn phones(record: &mut Record) -> &mut Vec<Delivered> {
    record.delivered.entry(phone()).or_default()
}

#[test]
fn a_clean_record_has_no_breach() {
    assert_eq!(check(&record()), []);
}

#[test]
fn a_delivery_repeated_on_the_next_connection_is_no_breach() {
    let mut record = record();
    phones(&mut record).push(delivered("m2", 3, 2));
    assert_eq!(check(&record), []);
}

#[test]
fn a_lost_message_is_seen() {
    let mut record = record();
    phones(&mut record).pop();
    assert!(matches!(check(&record)[..], [Breach::Lost { .. }]));
}

#[test]
fn a_message_stored_twice_is_seen() {
    let mut record = record();
    phones(&mut record).push(delivered("m2", 4, 1));
    assert!(matches!(check(&record)[..], [Breach::StoredTwice { .. }]));
}

#[test]
fn a_retry_with_another_seq_is_seen() {
    let mut record = record();
    record.acknowledged.push(acknowledged("m1", 9));
    assert!(check(&record).iter().any(|breach| matches!(breach, Breach::StoredTwice { .. })));
}

#[test]
fn a_reused_seq_is_seen() {
    let mut record = record();
    record.acknowledged.push(acknowledged("m3", 3));
    assert!(check(&record).iter().any(|breach| matches!(breach, Breach::SeqReused { .. })));
}

#[test]
fn disorder_within_a_connection_is_seen() {
    let mut record = record();
    phones(&mut record).push(delivered("m1", 2, 1));
    assert!(matches!(check(&record)[..], [Breach::OutOfOrder { .. }]));
}

#[test]
fn a_gap_is_seen_even_when_it_is_filled_later() {
    let mut record = record();
    phones(&mut record).swap(0, 1);
    phones(&mut record)[1].connection = 2;
    assert!(matches!(check(&record)[..], [Breach::Gap { .. }]));
}

#[test]
fn senders_order_is_checked() {
    let mut record = record();
    for sent in record.sent.values_mut() {
        sent.reverse();
    }
    assert!(matches!(check(&record)[..], [Breach::SenderOrder { .. }]));
}
