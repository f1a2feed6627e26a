//! Apple: how many streams a connection may have, looked at on the wire, because hyper hides it.

use std::sync::Arc;
use std::time::Duration;

use longwave_push::fake::{ApnsAct, FakeApns};
use longwave_push::send::*;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::rig::{Rig, app, apple};

/// SETTINGS with SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, 6.5).
fn max_streams(streams: u32) -> Vec<u8> {
    [&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3][..], &streams.to_be_bytes()].concat()
}

/// What the fake writes until those bytes have come.
async fn read_until(rig: &Rig, fake: &FakeApns, wanted: &[u8]) {
    let mut roots = RootCertStore::empty();
    roots.add(rig.authority.root()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = fake.url().replace("https://localhost", "127.0.0.1");
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").await.unwrap();
    let mut read = Vec::new();
    while !read.windows(wanted.len()).any(|window| window == wanted) {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "closed after {read:?}");
    }
}

#[tokio::test]
async fn one_stream_before_a_token_was_good() {
    let rig = Rig::new().await;
    let one = max_streams(1);
    let seen = tokio::time::timeout(Duration::from_secs(60), read_until(&rig, &rig.apns, &one)).await;
    seen.expect("the limit is told");
}

/// Two that are never answered are under way at once only if the limit was raised.
#[tokio::test]
async fn more_streams_once_a_token_was_good() {
    let mut rig = Rig::new().await;
    // So long that no stream becomes free because its request was given up.
    rig.settings.apns.transport.request_time = Duration::from_secs(600);
    let sender = rig.sender();
    for device in ["aa", "bb"] {
        rig.apns.script(device, [ApnsAct::Stall]);
    }
    let (app, notification) = (app(), rig.notification());
    assert!(matches!(sender.send(&app, &apple("cc"), &notification).await, Outcome::Sent { .. }));
    let (one, other) = (apple("aa"), apple("bb"));
    tokio::select! {
        outcome = sender.send(&app, &one, &notification) => panic!("{outcome:?}"),
        outcome = sender.send(&app, &other, &notification) => panic!("{outcome:?}"),
        () = async { while rig.apns.received().len() < 3 { tokio::task::yield_now().await } } => {}
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("a second stream was never opened"),
    }
    assert_eq!(rig.apns.connections(), 1);
}
