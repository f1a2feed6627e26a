//! Silence ends connections: before CONNECT, in the middle of it, and after one and a half keep alive times.

use longwave_broker::codec::packet::{Packet, Version};
use longwave_broker::limits::Limits;

use crate::rig::{Behaviour, Client, Server, connect_packet};

#[tokio::test]
async fn who_does_not_connect_is_closed() {
    let server = Server::with(Limits { connect_seconds: 1, ..Limits::default() }, Behaviour::default());
    let mut silent = Client::dial(server.address, Version::V5).await;
    let mut slow = Client::dial(server.address, Version::V5).await;
    let connect = slow.encode(&connect_packet(Version::V5, "bob", "phone"));
    slow.send_bytes(&connect[..10]).await;
    assert_eq!(silent.receive().await, None);
    assert_eq!(slow.receive().await, None);
    server.until("all gone", |server| server.broker.stats().connections() == 0).await;
}

#[tokio::test]
async fn keep_alive_is_kept_by_pings_and_ends_without_them() {
    let server = Server::start();
    let mut bob = Client::dial(server.address, Version::V5).await;
    let Packet::Connect(mut connect) = connect_packet(Version::V5, "bob", "phone") else { unreachable!() };
    connect.keep_alive = 2;
    bob.send(&Packet::Connect(connect)).await;
    assert!(matches!(bob.receive().await, Some(Packet::ConnAck(_))));
    for _ in 0..7 {
        assert_eq!(bob.receive_within(std::time::Duration::from_millis(500)).await, None);
        bob.send(&Packet::PingReq).await;
        assert_eq!(bob.receive().await, Some(Packet::PingResp));
    }
    match bob.receive().await {
        Some(Packet::Disconnect(disconnect)) => assert_eq!(disconnect.reason, 0x8d),
        other => panic!("expected DISCONNECT, got {other:?}"),
    }
    assert_eq!(bob.receive().await, None);
    server.until("session kept", |server| server.backend.closed.lock().len() == 1).await;
}
