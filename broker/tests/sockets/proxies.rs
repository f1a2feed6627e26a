//! Behind balancers: where a client is, is believed of those who are trusted, and of nobody else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use longwave_broker::admit::DevAdmit;
use longwave_broker::codec::packet::{Packet, Version};
use longwave_broker::limits::Limits;
use longwave_broker::listen::tls::TlsReload;
use longwave_broker::listen::{Proxies, Transport};
use longwave_broker::stats::BrokerStats;
use longwave_model::Refusal;
use longwave_port::{Admit, Credentials, Identity};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Behaviour, Client, Server, connect_packet, dial_tls_after, trusting, write_certificate};

/// Lets everybody in and notes from where.
#[derive(Default)]
struct Noting(Mutex<Vec<Option<IpAddr>>>);

#[async_trait]
impl Admit for Noting {
    async fn admit(&self, credentials: Credentials) -> Result<Identity, Refusal> {
        self.0.lock().push(credentials.address);
        DevAdmit.admit(credentials).await
    }
    async fn renew(&self, token: &str) -> Result<Identity, Refusal> {
        DevAdmit.renew(token).await
    }
}

fn server(trusted: &str, transport: Transport) -> (Server, Arc<Noting>) {
    let noting = Arc::new(Noting::default());
    let proxies = Proxies { trusted: vec![trusted.parse().unwrap()], proxy_protocol: true };
    let server = Server::behind(proxies, transport, None, Limits::default(), Behaviour::default(), noting.clone());
    (server, noting)
}

fn version_2(command: u8, address: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    // Addresses, ports, and an extension.
    header.extend_from_slice(&[command, 0x11, 0, 16]);
    header.extend_from_slice(&address);
    header.extend_from_slice(&[10, 0, 0, 1, 1, 2, 3, 4, 4, 0, 1, 9]);
    header
}

/// Connects with this in front of the CONNECT, in pieces; whether it is let in.
async fn connects(address: SocketAddr, pieces: &[&[u8]]) -> bool {
    let mut client = Client::dial(address, Version::V5).await;
    for piece in pieces {
        if client.stream.write_all(piece).await.is_err() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    let connect = client.encode(&connect_packet(Version::V5, "bob", "phone"));
    if client.stream.write_all(&connect).await.is_err() {
        return false;
    }
    let mut answer = [0; 1];
    matches!(client.stream.read(&mut answer).await, Ok(1)) && answer == [0x20]
}

#[tokio::test]
async fn a_trusted_balancer_says_where_the_client_is() {
    let (server, noting) = server("127.0.0.0/8", Transport::Tcp);
    let v2 = version_2(0x21, [192, 0, 2, 7]);
    let v1: &[u8] = b"PROXY TCP6 2001:db8::7 ::1 56324 443\r\n";
    assert!(connects(server.address, &[&v2]).await);
    assert!(connects(server.address, &[v1]).await);
    assert!(connects(server.address, &[&version_2(0x20, [0; 4])]).await, "the balancer itself");
    let seen: Vec<_> = noting.0.lock().iter().map(|address| address.unwrap().to_string()).collect();
    assert_eq!(seen, ["192.0.2.7", "2001:db8::7", "127.0.0.1"]);
}

#[tokio::test]
async fn a_header_may_come_in_any_pieces() {
    let (server, noting) = server("127.0.0.1", Transport::Tcp);
    let headers = [version_2(0x21, [192, 0, 2, 7]), b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n".to_vec()];
    let mut count = 0;
    for header in &headers {
        for cut in (0..=header.len()).step_by(3).chain([header.len() - 1]) {
            let (front, back) = header.split_at(cut);
            assert!(connects(server.address, &[front, back]).await, "cut at {cut}");
            count += 1;
        }
    }
    assert_eq!(*noting.0.lock(), vec![Some("192.0.2.7".parse().unwrap()); count]);
}

#[tokio::test]
async fn without_a_header_or_with_a_bad_one_nobody_gets_in_by_a_balancer() {
    let (server, noting) = server("127.0.0.0/8", Transport::Tcp);
    let long = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200], b"\r\n".to_vec()].concat();
    let huge = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"[..], &[0; 3_000]].concat();
    for header in [
        &b""[..],
        b"PROXY TCP4 192.0.2.7 10.0.0.1 56324\r\n",
        b"PROXY TCP4 nowhere 10.0.0.1 1 2\r\n",
        &long,
        &huge,
        &version_2(0x31, [1; 4]),
        &version_2(0x2f, [1; 4]),
    ] {
        assert!(!connects(server.address, &[header]).await, "{header:?}");
    }
    assert_eq!(server.broker.stats().handshakes_failed.get(), 7);
    assert!(noting.0.lock().is_empty());
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
}

#[tokio::test]
async fn whoever_is_not_trusted_is_where_he_is_and_may_not_say_otherwise() {
    let (server, noting) = server("10.0.0.0/8", Transport::Tcp);
    assert!(connects(server.address, &[]).await);
    assert!(!connects(server.address, &[&version_2(0x21, [10, 0, 0, 9])]).await);
    assert_eq!(*noting.0.lock(), [Some("127.0.0.1".parse().unwrap())]);
}

#[tokio::test]
async fn tls_begins_behind_the_header() {
    let directory = tempfile::tempdir().unwrap();
    let (files, certificate) = write_certificate(directory.path(), "one");
    let tls = TlsReload::load(files, Arc::new(BrokerStats::default())).unwrap();
    let noting = Arc::new(Noting::default());
    let proxies = Proxies { trusted: vec!["127.0.0.1".parse().unwrap()], proxy_protocol: true };
    let (limits, behaviour) = (Limits::default(), Behaviour::default());
    let server = Server::behind(proxies, Transport::Tls, Some(tls), limits, behaviour, noting.clone());
    let config = trusting(&certificate, &[]);
    let header = version_2(0x21, [192, 0, 2, 7]);
    let stream = dial_tls_after(&header, server.address, config.clone()).await.unwrap();
    let mut client = Client::on(stream, Version::V5);
    client.connect("alice", "laptop").await;
    assert_eq!(client.publish("t", 1, b"x").await, 0);
    assert_eq!(*noting.0.lock(), [Some("192.0.2.7".parse().unwrap())]);
    assert!(dial_tls_after(&[], server.address, config).await.is_err(), "no header");
}

/// A WebSocket handshake, and a CONNECT in a frame.
async fn upgrade(address: SocketAddr, forwarded: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n{forwarded}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    let mut connect = bytes::BytesMut::new();
    let packet: Packet = connect_packet(Version::V5, "bob", "phone");
    longwave_broker::codec::encode(&packet, Version::V5, &mut connect).unwrap();
    // A binary frame whose mask changes nothing.
    let mut frame = vec![0x82, 0x80 | u8::try_from(connect.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(&connect);
    stream.write_all(&frame).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 0x82);
    stream
}

#[tokio::test]
async fn x_forwarded_for_counts_from_trusted_proxies_only() {
    for (trusted, expected) in [("127.0.0.0/8", "192.0.2.7"), ("10.0.0.0/8", "127.0.0.1")] {
        let noting = Arc::new(Noting::default());
        let proxies = Proxies { trusted: vec![trusted.parse().unwrap()], proxy_protocol: false };
        let (limits, behaviour) = (Limits::default(), Behaviour::default());
        let server = Server::behind(proxies, Transport::WebSocket, None, limits, behaviour, noting.clone());
        upgrade(server.address, "X-Forwarded-For: 203.0.113.1, 192.0.2.7\r\n").await;
        assert_eq!(*noting.0.lock(), [Some(expected.parse().unwrap())], "{trusted}");
    }
}
