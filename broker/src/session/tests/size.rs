//! What a session costs in memory. Counted from its parts: all that it owns on the heap is listed here.

use super::super::Session;
use super::harness::{Client, delivery, puback, stored};
use crate::codec::packet::{Packet, Qos, Version};

/// Bytes that an idle session owns beside itself: its subscriptions. Everything else has been given back.
fn owned(session: &Session) -> usize {
    assert!(session.asking.is_none() && session.exactly_once.is_none() && session.unanswered.is_none());
    assert!(session.aliases.is_none() && session.pace.is_none());
    assert_eq!((session.outgoing.capacity(), session.pending.capacity()), (0, 0));
    let slots = session.held.capacity() * size_of_val(&session.held[0]);
    slots + session.held.iter().map(|held| held.filter.len()).sum::<usize>()
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 208, "{} bytes", size_of::<Session>());
    let filter = "u/alice/c/+/json";
    for version in [Version::V311, Version::V5] {
        let mut client = Client::live(version);
        client.subscribe(None, &[filter]);
        assert_eq!(owned(&client.session), filter.len() + 24);
        // Busy, then idle again.
        for ticket in 0..50_u64 {
            client.publish(Qos::AtLeastOnce, 1);
            client.answer(ticket, stored(ticket));
            client.event(delivery(Some(ticket), "a"));
        }
        for id in 1..=50 {
            client.packet(puback(id));
        }
        client.wait(60_000);
        client.packet(Packet::PingReq);
        assert_eq!(owned(&client.session), filter.len() + 24);
    }
}
