//! A client that publishes faster than it may is read later; its neighbour is not.

use std::time::Instant;

use longwave_broker::codec::packet::Packet;
use longwave_broker::limits::Limits;

use crate::rig::{Behaviour, Client, Server, publish_packet};

const RATE: u32 = 50;

#[tokio::test]
async fn a_flood_is_read_at_its_rate_and_nobody_else_is_slower_for_it() {
    let limits = Limits { publishes_per_second: RATE, receive_maximum: 1_000, ..Limits::default() };
    let server = Server::with(limits, Behaviour::default());
    let started = Instant::now();
    let mut flooder = Client::connected(server.address, "eve", "phone").await;
    for id in 1..=500 {
        flooder.send(&publish_packet("flood", id, "x".into())).await;
    }
    server.until("slowed", |server| server.broker.stats().slowed.get() > 0).await;
    let mut neighbour = Client::connected(server.address, "bob", "phone").await;
    for id in 1..=20 {
        neighbour.send(&publish_packet("t", id, "x".into())).await;
        assert!(matches!(neighbour.receive().await, Some(Packet::PubAck(_))));
    }
    server
        .until("some of it", |server| {
            let flood = server.backend.published.lock().iter().filter(|(topic, _)| topic == "flood").count();
            // What has come cannot be more than the burst and the rate allow, however long this took.
            let most = f64::from(RATE) * (started.elapsed().as_secs_f64() + 1.0) + 2.0;
            assert!(flood as f64 <= most, "{flood} after {:?}", started.elapsed());
            flood > 2 * RATE as usize
        })
        .await;
    // It is alive, and still answered.
    assert!(matches!(flooder.receive().await, Some(Packet::PubAck(_))));
}

#[tokio::test]
async fn an_address_connects_no_faster_than_it_may() {
    let limits = Limits { connects_per_second_and_address: 10, ..Limits::default() };
    let server = Server::with(limits, Behaviour::default());
    let started = Instant::now();
    let mut clients = Vec::new();
    for number in 0..25 {
        clients.push(Client::connected(server.address, "eve", &format!("phone{number}")).await);
    }
    // A burst and the rate, however long this took.
    let most = 10.0 * (started.elapsed().as_secs_f64() + 1.0) + 1.0;
    assert!(clients.len() as f64 <= most, "{} after {:?}", clients.len(), started.elapsed());
}
