//! MQTT over TLS: ALPN, resumption, and a certificate that changes under open connections.

use std::sync::Arc;

use longwave_broker::admit::DevAdmit;
use longwave_broker::codec::packet::Version;
use longwave_broker::limits::Limits;
use longwave_broker::listen::Transport;
use longwave_broker::listen::tls::TlsReload;
use longwave_broker::stats::BrokerStats;
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Behaviour, Client, Server, dial_tls, trusting, write_certificate};

#[tokio::test]
async fn messages_travel_and_the_certificate_changes_without_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (files, first) = write_certificate(directory.path(), "one");
    let reload = TlsReload::load(files, Arc::new(BrokerStats::default())).unwrap();
    let server = Server::over(Transport::Tls, Some(reload.clone()));

    let mut before = Client::on(dial_tls(server.address, trusting(&first, &[])).await.unwrap(), Version::V5);
    before.connect("alice", "laptop").await;
    assert_eq!(before.publish("t", 1, b"x").await, 0);

    let (_, second) = write_certificate(directory.path(), "two-is-longer");
    assert!(reload.reload().unwrap());
    assert!(
        dial_tls(server.address, trusting(&first, &[])).await.is_err(),
        "the old certificate is not shown any more"
    );
    let mut after = Client::on(dial_tls(server.address, trusting(&second, &[b"mqtt"])).await.unwrap(), Version::V5);
    assert_eq!(after.stream.get_ref().1.alpn_protocol(), Some(&b"mqtt"[..]));
    after.connect("bob", "phone").await;
    after.subscribe("t").await;
    assert_eq!(before.publish("t", 2, b"still open").await, 0);
    assert_eq!(&after.take().await.payload[..], b"still open");
    server.until("failure counted", |server| server.broker.stats().handshakes_failed.get() == 1).await;
}

#[tokio::test]
async fn large_messages_and_resumption() {
    let directory = tempfile::tempdir().unwrap();
    let (files, certificate) = write_certificate(directory.path(), "one");
    let reload = TlsReload::load(files, Arc::new(BrokerStats::default())).unwrap();
    let followed = Arc::downgrade(&reload);
    let server = Server::over(Transport::Tls, Some(reload));
    assert!(followed.upgrade().is_some(), "the files are followed as long as somebody listens");
    let config = trusting(&certificate, &[]);
    for (round, kind) in [HandshakeKind::Full, HandshakeKind::Resumed].into_iter().enumerate() {
        let mut client = Client::on(dial_tls(server.address, config.clone()).await.unwrap(), Version::V5);
        assert_eq!(client.stream.get_ref().1.handshake_kind(), Some(kind));
        client.connect("bob", &format!("phone{round}")).await;
        client.subscribe("large").await;
        let payload = bytes::Bytes::from(vec![3; 200_000]);
        for _ in 0..5 {
            server.backend.put("large", &payload);
        }
        for _ in 0..5 {
            assert_eq!(client.take().await.payload, payload);
        }
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let (files, _) = write_certificate(directory.path(), "one");
    let reload = TlsReload::load(files, Arc::new(BrokerStats::default())).unwrap();
    let limits = Limits { connect_seconds: 1, ..Limits::default() };
    for transport in [Transport::Tls, Transport::WebSocket, Transport::WebSocketTls] {
        let tls = Some(reload.clone());
        let server = Server::build(transport, tls, limits.clone(), Behaviour::default(), Arc::new(DevAdmit));
        let mut silent = TcpStream::connect(server.address).await.unwrap();
        let mut wrong = TcpStream::connect(server.address).await.unwrap();
        wrong.write_all(b"\x10\x10\x00\x04MQTT: hello\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        // An answer, if any, and then the end, also as a reset.
        let _ = wrong.read_to_end(&mut rest).await;
        assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0);
        server.until("both gone", |server| server.broker.stats().connections() == 0).await;
        assert_eq!(server.broker.stats().handshakes_failed.get(), 2, "{transport:?}");
    }
}
