//! The server stops: everybody is told, no faster than the rate, and their feeds are closed before it says that it is done.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use longwave_broker::codec::packet::{Packet, Version};
use longwave_broker::limits::Limits;
use tokio::net::TcpStream;

use crate::rig::{Behaviour, Client, Server};

#[tokio::test]
async fn the_server_reference_reaches_the_client() {
    let limits = Limits { server_reference: Some("b.example.org:1883 c.example.org".into()), ..Limits::default() };
    let server = Server::with(limits, Behaviour::default());
    let mut client = Client::connected(server.address, "bob", "phone").await;
    server.broker.drain(1_000).await;
    let Some(Packet::Disconnect(disconnect)) = client.receive().await else { panic!("expected DISCONNECT") };
    assert_eq!(disconnect.reason, 0x9c);
    assert_eq!(disconnect.server_reference.as_deref(), Some("b.example.org:1883 c.example.org"));
    assert_eq!(client.receive().await, None);
}

#[tokio::test]
async fn everybody_is_told_and_every_feed_is_closed() {
    let behaviour = Behaviour { close_takes: Duration::from_millis(30), ..Default::default() };
    let server = Server::with(Default::default(), behaviour);
    let mut clients = Vec::new();
    for n in 0..10 {
        clients.push(Client::connected(server.address, "bob", &format!("phone{n}")).await);
    }
    let mut old_version = Client::dial(server.address, Version::V311).await;
    old_version.connect("bob", "old").await;

    let start = tokio::time::Instant::now();
    server.broker.drain(50).await;
    // 11 at 50 a second with half of jitter: the eleventh cannot go before 10 × 10 ms. Slower machines only make it later.
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(server.backend.closed.lock().len(), 11);
    assert_eq!(server.backend.open.load(SeqCst), 0);
    for mut client in clients {
        match client.receive().await {
            Some(Packet::Disconnect(disconnect)) => assert_eq!(disconnect.reason, 0x8b),
            other => panic!("expected DISCONNECT, got {other:?}"),
        }
        assert_eq!(client.receive().await, None);
    }
    assert_eq!(old_version.receive().await, None, "3.1.1 has no DISCONNECT from the server");
    assert!(TcpStream::connect(server.address).await.is_err(), "the port is free again");
    server.until("all gone", |server| server.broker.stats().connections() == 0).await;
}
