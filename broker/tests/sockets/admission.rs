//! Who gets in, seen from outside: an answer that says no, and its count.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use longwave_broker::admit::{JwtAdmit, TokenRules};
use longwave_broker::codec::packet::{Packet, Version};
use longwave_broker::limits::Limits;
use longwave_broker::listen::Transport;

use crate::rig::{Behaviour, Client, Server, connect_packet};

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

#[tokio::test]
async fn a_token_admits_its_user_until_it_expires() {
    let secret = b"0123456789abcdef0123456789abcdef";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), secret).unwrap();
    let rules = TokenRules { leeway_seconds: 0, ..TokenRules::default() };
    let admit = Arc::new(JwtAdmit::from_key_file(file.path(), rules).unwrap());
    let server = Server::build(Transport::Tcp, None, Limits::default(), Behaviour::default(), admit);

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = serde_json::json!({"sub": "bob", "exp": now + 3});
    let token = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret)).unwrap();
    let Packet::Connect(mut connect) = connect_packet(Version::V5, "bob", "phone") else { unreachable!() };
    connect.password = Some(token.into());
    let mut client = Client::dial(server.address, Version::V5).await;
    client.send(&Packet::Connect(connect.clone())).await;
    assert!(matches!(client.receive().await, Some(Packet::ConnAck(ack)) if ack.reason == 0));
    match client.receive().await {
        Some(Packet::Disconnect(disconnect)) => assert_eq!(disconnect.reason, 0x87),
        other => panic!("expected DISCONNECT, got {other:?}"),
    }
    assert_eq!(client.receive().await, None);

    // The same token now, and none at all.
    for password in [connect.password.clone(), None] {
        connect.password = password;
        let mut client = Client::dial(server.address, Version::V5).await;
        client.send(&Packet::Connect(connect.clone())).await;
        assert!(matches!(client.receive().await, Some(Packet::ConnAck(ack)) if ack.reason >= 0x80));
    }
}
