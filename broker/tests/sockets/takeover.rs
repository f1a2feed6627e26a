//! The same device again: the old connection goes, and its session is whole before the new one begins.

use std::time::Duration;

use longwave_broker::codec::packet::{Packet, Version};
use longwave_model::{DeviceId, ErrorCode, Refusal, UserId};

use crate::rig::{Behaviour, Client, Server};

#[tokio::test]
async fn the_old_connection_is_told_and_the_new_one_gets_what_it_had_in_flight() {
    let behaviour = Behaviour { close_takes: Duration::from_millis(50), ..Default::default() };
    let server = Server::with(Default::default(), behaviour);
    let mut old = Client::connected(server.address, "bob", "phone").await;
    old.subscribe("t").await;
    let mut alice = Client::connected(server.address, "alice", "laptop").await;
    alice.publish("t", 1, b"1").await;
    old.take_without_ack().await;

    let mut new = Client::dial(server.address, Version::V5).await;
    assert!(new.connect("bob", "phone").await);
    match old.receive().await {
        Some(Packet::Disconnect(disconnect)) => assert_eq!(disconnect.reason, 0x8e),
        other => panic!("expected DISCONNECT, got {other:?}"),
    }
    assert_eq!(old.receive().await, None);
    let again = new.take().await;
    assert!(again.dup);
    assert_eq!(server.broker.stats().takeovers.get(), 1);
    assert_eq!(server.broker.stats().sessions.get(), 2);
}

#[tokio::test]
async fn a_crowd_with_one_client_id_leaves_one_connected() {
    let server = Server::start();
    let mut tasks = Vec::new();
    for _ in 0..30 {
        let address = server.address;
        tasks.push(tokio::spawn(async move {
            let mut client = Client::dial(address, Version::V5).await;
            client.send(&crate::rig::connect_packet(Version::V5, "bob", "phone")).await;
            // The backend panics when two outlets of a device are open; here it only matters who is left.
            while let Some(packet) = client.receive_within(Duration::from_millis(1_500)).await {
                if matches!(packet, Packet::Disconnect(_)) {
                    return None;
                }
            }
            Some(client)
        }));
    }
    for task in tasks {
        let _ = task.await.unwrap();
    }
    server.until("nobody left", |server| server.broker.stats().connections() <= 1).await;
    assert_eq!(server.broker.stats().panics.get(), 0);
}

#[tokio::test]
async fn an_operator_can_close_a_device() {
    let server = Server::start();
    let mut bob = Client::connected(server.address, "bob", "phone").await;
    let (user, device) = (UserId::parse("bob").unwrap(), DeviceId::parse("phone").unwrap());
    let refusal = Refusal::new(ErrorCode::ServerStopping, "go");
    assert!(server.broker.close_device(&user, &device, refusal.clone()));
    assert!(matches!(bob.receive().await, Some(Packet::Disconnect(_))));
    server.until("closed", |server| server.backend.closed.lock().len() == 1).await;
    server.until("forgotten", |server| !server.broker.close_device(&user, &device, refusal.clone())).await;
}
