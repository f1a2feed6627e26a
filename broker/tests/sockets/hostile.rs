//! Clients that mean harm: what they trickle, announce or flood costs them their connection, and others nothing.

use std::sync::Arc;
use std::time::Duration;

use longwave_broker::admit::DevAdmit;
use longwave_broker::codec::packet::{Packet, Version};
use longwave_broker::limits::Limits;
use longwave_broker::listen::Transport;
use longwave_broker::listen::tls::TlsReload;
use longwave_broker::stats::BrokerStats;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Behaviour, Client, Server, connect_packet, publish_packet, write_certificate};

/// Sends `bytes` one by one, with pauses, until the server closes; how many it took.
async fn trickle(client: &mut Client, bytes: impl Iterator<Item = u8>) -> usize {
    let mut sent = 0;
    for byte in bytes {
        if client.stream.write_all(&[byte]).await.is_err() {
            break;
        }
        sent += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    sent
}

#[tokio::test]
async fn a_connect_that_trickles_in_has_no_more_time_than_silence() {
    let server = Server::with(Limits { connect_seconds: 1, ..Limits::default() }, Behaviour::default());
    let mut client = Client::dial(server.address, Version::V5).await;
    // A CONNECT of 4,000 bytes, which would take minutes.
    let start = [&[0x10, 0xa0, 0x1f][..], b"\x00\x04MQTT\x05\x02\x00\x3c"].concat();
    let sent = trickle(&mut client, start.into_iter().chain(std::iter::repeat_n(0, 4_000))).await;
    assert!(sent < 4_000, "{sent}");
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
    assert_eq!(server.broker.stats().buffers_in_use.get(), 0);
}

#[tokio::test]
async fn a_publish_that_trickles_in_keeps_nobody_alive() {
    let server = Server::start();
    let mut client = Client::dial(server.address, Version::V5).await;
    let Packet::Connect(mut connect) = connect_packet(Version::V5, "bob", "phone") else { unreachable!() };
    connect.keep_alive = 1;
    client.send(&Packet::Connect(connect)).await;
    assert!(matches!(client.receive().await, Some(Packet::ConnAck(_))));
    let publish = client.encode(&publish_packet("t", 1, vec![b'x'; 4_000].into()));
    let sent = trickle(&mut client, publish.iter().copied()).await;
    assert!(sent < publish.len(), "{sent}");
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
    assert!(server.backend.published.lock().is_empty());
    assert_eq!(server.broker.stats().buffers_in_use.get(), 0);
}

#[tokio::test]
async fn an_announced_length_is_judged_before_its_bytes_come() {
    let server = Server::start();
    // Before CONNACK: the largest length that MQTT has, and one that has a fifth byte [MQTT-1.5.5-1].
    for header in [&[0x10, 0xff, 0xff, 0xff, 0x7f][..], &[0x10, 0xff, 0xff, 0xff, 0xff, 0x01]] {
        let mut client = Client::dial(server.address, Version::V5).await;
        client.send_bytes(header).await;
        assert_eq!(client.receive().await, None);
    }
    // Afterwards it is told.
    for (header, reason) in [
        (&[0x30, 0xff, 0xff, 0xff, 0x7f][..], 0x95),
        (&[0x30, 0x81, 0x80, 0x10], 0x95),
        (&[0x30, 0xff, 0xff, 0xff, 0xff, 0x01], 0x81),
    ] {
        let mut client = Client::connected(server.address, "bob", "phone").await;
        client.send_bytes(header).await;
        match client.receive().await {
            Some(Packet::Disconnect(disconnect)) => assert_eq!(disconnect.reason, reason, "{header:x?}"),
            other => panic!("{header:x?}: {other:?}"),
        }
        assert_eq!(client.receive().await, None);
    }
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
    assert_eq!(server.broker.stats().buffers_in_use.get(), 0);
}

/// A WebSocket after its handshake, with the frames left to the test.
async fn upgraded(server: &Server) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Protocol: mqtt\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(socket.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    socket
}

#[tokio::test]
async fn frames_that_no_client_may_send_end_the_websocket_with_their_code() {
    let server = Server::over(Transport::WebSocket, None);
    for (frame, code) in [
        // Not masked; a reserved bit; a reserved opcode; a ping in parts; a ping of 126 bytes; a continuation of nothing; text.
        (&[0x82, 0x01, 0x10][..], 1002_u16),
        (&[0xc2, 0x80, 0, 0, 0, 0], 1002),
        (&[0x83, 0x80, 0, 0, 0, 0], 1002),
        (&[0x09, 0x80, 0, 0, 0, 0], 1002),
        (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002),
        (&[0x80, 0x80, 0, 0, 0, 0], 1002),
        (&[0x81, 0x80, 0, 0, 0, 0], 1003),
    ] {
        let mut socket = upgraded(&server).await;
        socket.write_all(frame).await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        let [high, low] = code.to_be_bytes();
        assert_eq!(answer, [0x88, 2, high, low], "{frame:x?}");
    }
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
}

#[tokio::test]
async fn a_frame_of_exabytes_is_worth_what_the_packets_in_it_are() {
    let server = Server::over(Transport::WebSocket, None);
    let mut socket = upgraded(&server).await;
    // 2^63 - 1 bytes; in them a CONNECT that announces 256 MiB.
    let mut frame = vec![0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    frame.extend([0x10, 0xff, 0xff, 0xff, 0x7f]);
    socket.write_all(&frame).await.unwrap();
    let _ = socket.read_to_end(&mut Vec::new()).await;
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
    assert_eq!(server.broker.stats().buffers_in_use.get(), 0);
}

#[tokio::test]
async fn a_flood_of_pings_buys_no_memory_and_no_time() {
    let limits = Limits { connect_seconds: 2, ..Limits::default() };
    let server = Server::build(Transport::WebSocket, None, limits, Behaviour::default(), Arc::new(DevAdmit));
    let mut socket = upgraded(&server).await;
    // Pings with the longest payload, by somebody who reads no pong and never sends CONNECT.
    let mut ping = vec![0x89, 0xfd, 0, 0, 0, 0];
    ping.extend([b'x'; 125]);
    let flood = ping.repeat(500);
    let mut sent = 0_usize;
    while let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(30), socket.write_all(&flood)).await {
        sent += 500;
    }
    assert!(sent > 0);
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
    assert_eq!(server.broker.stats().buffers_in_use.get(), 0);
}

#[tokio::test]
async fn half_a_tls_handshake_and_records_of_rubbish_are_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let (files, _) = write_certificate(directory.path(), "one");
    let reload = TlsReload::load(files, Arc::new(BrokerStats::default())).unwrap();
    let limits = Limits { connect_seconds: 1, ..Limits::default() };
    let server = Server::build(Transport::Tls, Some(reload), limits, Behaviour::default(), Arc::new(DevAdmit));
    // A ClientHello that announces more than comes; the longest record, of zeros; application data before any handshake; MQTT.
    let mut long = vec![22, 3, 1, 0x40, 0];
    long.extend([0; 0x4000]);
    let attempts =
        [vec![22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], long, vec![23, 3, 3, 0, 2, 0, 0], b"\x10\x10\0\x04MQTT".to_vec()];
    let count = attempts.len() as u64;
    for bytes in attempts {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(&bytes).await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
    assert_eq!(server.broker.stats().handshakes_failed.get(), count);
}
