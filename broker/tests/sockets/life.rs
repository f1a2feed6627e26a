//! The life of a session: connect, publish, receive, go, come back.

use longwave_broker::codec::packet::{Disconnect, Packet, Version};

use crate::rig::{Client, Server, publish_packet};

#[tokio::test]
async fn a_message_goes_from_one_client_to_another_in_both_versions() {
    let server = Server::start();
    for version in [Version::V311, Version::V5] {
        let mut bob = Client::dial(server.address, version).await;
        assert!(!bob.connect("bob", &format!("{version:?}")).await);
        bob.subscribe("a/b").await;
        let mut alice = Client::dial(server.address, version).await;
        alice.connect("alice", "laptop").await;
        assert_eq!(alice.publish("a/b", 7, b"hello").await, 0);
        let got = bob.take().await;
        assert_eq!((&*got.topic, &got.payload[..]), ("a/b", &b"hello"[..]));
        bob.send(&Packet::Disconnect(Box::default())).await;
        assert_eq!(bob.receive().await, None);
    }
    server.until("everything acknowledged", |server| server.broker.stats().deliveries_acked.get() >= 2).await;
}

#[tokio::test]
async fn a_refusal_has_its_reason() {
    let server = Server::start();
    let mut alice = Client::connected(server.address, "alice", "laptop").await;
    assert_eq!(alice.publish("refused/x", 1, b"x").await, 0x87);
    assert_eq!(alice.publish("fine", 2, b"x").await, 0);
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_with_dup_and_in_order() {
    let server = Server::start();
    let mut bob = Client::connected(server.address, "bob", "phone").await;
    bob.subscribe("t").await;
    let mut alice = Client::connected(server.address, "alice", "laptop").await;
    for (id, text) in [(1, b"1"), (2, b"2"), (3, b"3")] {
        alice.publish("t", id, text).await;
    }
    assert_eq!(&bob.take().await.payload[..], b"1");
    let second = bob.take_without_ack().await;
    // The acknowledgement of the first must have arrived before the connection is cut.
    server.until("one acknowledged", |server| server.backend.owed("bob", "phone") == 2).await;
    drop(bob);
    server.until("bob gone", |server| server.backend.closed.lock().len() == 1).await;
    alice.publish("t", 4, b"4").await;

    let mut bob = Client::dial(server.address, Version::V5).await;
    assert!(bob.connect("bob", "phone").await, "session present");
    let again = bob.take().await;
    assert_eq!((again.dup, again.packet_id, &again.payload[..]), (true, second.packet_id, &b"2"[..]));
    assert_eq!(&bob.take().await.payload[..], b"3");
    assert_eq!(&bob.take().await.payload[..], b"4");
    server.until("nothing owed", |server| server.backend.owed("bob", "phone") == 0).await;
}

#[tokio::test]
async fn an_expiry_of_zero_ends_the_session_with_its_connection() {
    let server = Server::start();
    let mut bob = Client::connected(server.address, "bob", "phone").await;
    bob.subscribe("t").await;
    bob.send(&Packet::Disconnect(Box::new(Disconnect { session_expiry: Some(0), ..Disconnect::default() }))).await;
    assert_eq!(bob.receive().await, None);
    server.until("closed", |server| server.backend.closed.lock().len() == 1).await;
    assert_eq!(server.backend.closed.lock()[0].1.expiry_seconds, 0);
    let mut bob = Client::dial(server.address, Version::V5).await;
    assert!(!bob.connect("bob", "phone").await, "no session");
}

#[tokio::test]
async fn packets_behind_connect_wait_their_turn() {
    let server = Server::start();
    let mut alice = Client::dial(server.address, Version::V5).await;
    let mut bytes = alice.encode(&crate::rig::connect_packet(Version::V5, "alice", "laptop")).to_vec();
    bytes.extend_from_slice(&alice.encode(&crate::rig::subscribe_packet("t")));
    for id in 1..=50 {
        bytes.extend_from_slice(&alice.encode(&publish_packet("t", id, vec![b'x'; 500].into())));
    }
    alice.send_bytes(&bytes).await;
    assert!(matches!(alice.receive().await, Some(Packet::ConnAck(_))));
    assert!(matches!(alice.receive().await, Some(Packet::SubAck(_))));
    let (mut acked, mut got) = (0, 0);
    while acked < 50 || got < 50 {
        match alice.receive().await.unwrap() {
            Packet::PubAck(ack) => {
                acked += 1;
                assert_eq!(ack.packet_id, acked);
            }
            Packet::Publish(_) => got += 1,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_panic_in_one_connection_costs_only_that_connection() {
    let behaviour = crate::rig::Behaviour { panic_topic: "boom", ..Default::default() };
    let server = Server::with(Default::default(), behaviour);
    let mut bob = Client::connected(server.address, "bob", "phone").await;
    let mut alice = Client::connected(server.address, "alice", "laptop").await;
    alice.send(&publish_packet("boom", 1, "x".into())).await;
    assert_eq!(alice.receive().await, None);
    assert_eq!(bob.publish("t", 1, b"x").await, 0);
    server.until("the outlet closed", |server| server.backend.closed.lock().len() == 1).await;
    assert_eq!(server.backend.closed.lock()[0].1.expiry_seconds, 3_600);
    assert_eq!(server.broker.stats().panics.get(), 1);
    let mut alice = Client::connected(server.address, "alice", "laptop").await;
    assert_eq!(alice.publish("t", 2, b"x").await, 0);
}
