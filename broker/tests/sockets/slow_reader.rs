//! A device that does not read costs its window and its write buffer, and nobody else's time.

use std::time::Duration;

use bytes::Bytes;
use longwave_broker::codec::packet::{Ack, Packet};
use longwave_broker::limits::Limits;

use crate::rig::{Behaviour, Client, Server};

#[tokio::test]
async fn nothing_is_taken_for_a_reader_that_stands_still_and_all_of_it_arrives_in_the_end() {
    let limits = Limits { write_buffer_bytes: 64 * 1024, in_flight: 1_000, ..Limits::default() };
    let server = Server::with(limits, Behaviour::default());
    let mut slow = Client::connected(server.address, "bob", "phone").await;
    slow.subscribe("t").await;
    // Enough to fill the socket buffers of both sides many times over.
    const MESSAGES: usize = 800;
    let payload = Bytes::from(vec![1; 50_000]);
    for _ in 0..MESSAGES {
        server.backend.put("t", &payload);
    }
    server.until("a buffer is in use", |server| server.broker.stats().buffers_in_use.get() == 1).await;
    // The server stands still too: what it has written does not grow.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = server.broker.stats().bytes_out.get();
        if now == before {
            break;
        }
        before = now;
    }
    let taken = server.broker.stats().deliveries_out.get();
    assert!(taken < MESSAGES as u64, "{taken} of {MESSAGES} taken by a reader that stands still");

    let mut other = Client::connected(server.address, "alice", "laptop").await;
    assert_eq!(other.publish("elsewhere", 1, b"x").await, 0);

    for _ in 0..MESSAGES {
        let publish = slow.take_without_ack().await;
        assert_eq!(publish.payload.len(), payload.len());
        let packet_id = publish.packet_id.unwrap();
        slow.send(&Packet::PubAck(Ack { packet_id, ..Ack::default() })).await;
    }
    server.until("all acknowledged", |server| server.backend.owed("bob", "phone") == 0).await;
    assert_eq!(server.broker.stats().buffers_in_use.get(), 0);
}

#[tokio::test]
async fn the_window_is_as_small_as_the_limit() {
    let server = Server::with(Limits { in_flight: 3, ..Limits::default() }, Behaviour::default());
    let mut bob = Client::connected(server.address, "bob", "phone").await;
    bob.subscribe("t").await;
    for _ in 0..10 {
        server.backend.put("t", &Bytes::from_static(b"x"));
    }
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(bob.take_without_ack().await.packet_id.unwrap());
    }
    assert_eq!(bob.receive_within(Duration::from_millis(100)).await, None);
    bob.send(&Packet::PubAck(Ack { packet_id: ids[0], ..Ack::default() })).await;
    bob.take_without_ack().await;
    assert_eq!(bob.receive_within(Duration::from_millis(100)).await, None);
}
