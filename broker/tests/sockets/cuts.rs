//! The line is cut after every byte: no half packet is ever taken for a whole one, and nothing is left behind.

use bytes::Bytes;
use longwave_broker::codec::packet::Version;
use tokio::io::AsyncWriteExt;

use crate::rig::{Client, Server, connect_packet, publish_packet};

#[tokio::test]
async fn connect_and_publish_cut_after_every_byte() {
    let server = Server::start();
    for version in [Version::V311, Version::V5] {
        let client = Client::<tokio::net::TcpStream>::dial(server.address, version).await;
        let connect = client.encode(&connect_packet(version, "alice", "laptop"));
        let publish = client.encode(&publish_packet("topic", 9, Bytes::from_static(b"payload")));
        let bytes = [&connect[..], &publish[..]].concat();
        let accepted = server.broker.stats().accepted();
        for end in 0..bytes.len() {
            let mut client = Client::dial(server.address, version).await;
            client.stream.write_all(&bytes[..end]).await.unwrap();
            client.stream.shutdown().await.unwrap();
            while client.receive().await.is_some() {}
        }
        let all = accepted + bytes.len() as u64;
        server.until("all accepted", |server| server.broker.stats().accepted() >= all).await;
    }
    server.until("all gone", |server| server.broker.stats().connections() == 0).await;
    assert!(server.backend.published.lock().is_empty());
    assert_eq!(server.broker.stats().buffers_in_use.get(), 0);
    assert_eq!(server.broker.stats().sessions.get(), 0);
}

#[tokio::test]
async fn packets_arrive_whole_however_they_are_split() {
    let server = Server::start();
    let mut alice = Client::connected(server.address, "alice", "laptop").await;
    let payload: Bytes = (0..200_u8).collect::<Vec<_>>().into();
    let bytes = alice.encode(&publish_packet("split", 5, payload.clone()));
    for part in bytes.chunks(7) {
        alice.send_bytes(part).await;
        tokio::task::yield_now().await;
    }
    assert!(alice.receive().await.is_some());
    assert_eq!(server.backend.published.lock()[0], ("split".to_owned(), payload));
    assert_eq!(server.broker.stats().buffers_in_use.get(), 0);
}

#[tokio::test]
async fn half_a_packet_is_kept_and_a_large_one_goes_through() {
    let server = Server::start();
    let mut alice = Client::connected(server.address, "alice", "laptop").await;
    let payload = Bytes::from(vec![7; 200_000]);
    let bytes = alice.encode(&publish_packet("large", 5, payload.clone()));
    alice.send_bytes(&bytes[..150_000]).await;
    server.until("half a packet kept", |server| server.broker.stats().buffers_in_use.get() == 1).await;
    alice.send_bytes(&bytes[150_000..]).await;
    assert!(alice.receive().await.is_some());
    assert_eq!(server.backend.published.lock()[0].1, payload);
    server.until("given back", |server| server.broker.stats().buffers_in_use.get() == 0).await;
}

#[tokio::test]
async fn nonsense_closes_the_connection() {
    let server = Server::start();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[0x10, 0xff, 0xff, 0xff, 0x7f], &[0x30, 0x02, 0, 0]] {
        let mut client = Client::dial(server.address, Version::V311).await;
        client.send_bytes(bytes).await;
        while client.receive().await.is_some() {}
    }
    server.until("all gone", |server| server.broker.stats().connections() == 0).await;
    assert!(server.broker.stats().malformed.get() >= 3);
}
