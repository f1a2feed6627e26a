//! Who gets in, seen from outside: an answer that says no, and its count.

use longwave_broker::codec::packet::{Packet, Version};

use crate::rig::{Client, Server, connect_packet};

#[tokio::test]
async fn who_gives_no_user_name_is_refused_with_a_reason() {
    let server = Server::start();
    let Packet::Connect(mut connect) = connect_packet(Version::V5, "", "phone") else { unreachable!() };
    connect.user_name = None;
    let mut client = Client::dial(server.address, Version::V5).await;
    client.send(&Packet::Connect(connect)).await;
    match client.receive().await {
        Some(Packet::ConnAck(ack)) => {
            assert!(ack.reason >= 0x80, "{ack:?}");
            assert!(ack.reason_string.unwrap().contains("user name"));
        }
        other => panic!("expected CONNACK, got {other:?}"),
    }
    assert_eq!(client.receive().await, None);
    assert_eq!(server.broker.stats().logins_refused.get(), 1);

    let Packet::Connect(mut connect) = connect_packet(Version::V311, "", "phone") else { unreachable!() };
    connect.user_name = None;
    let mut client = Client::dial(server.address, Version::V311).await;
    client.send(&Packet::Connect(connect)).await;
    assert!(matches!(client.receive().await, Some(Packet::ConnAck(ack)) if ack.reason != 0));
    assert_eq!(client.receive().await, None);
}
