//! Mutual TLS: who must show a certificate, who is taken for whom, and what older TLS gets.

use std::path::Path;
use std::sync::Arc;

use longwave_broker::admit::{CertificateAdmit, ChainAdmit, NamedBy};
use longwave_broker::codec::packet::{Packet, Version};
use longwave_broker::limits::Limits;
use longwave_broker::listen::Transport;
use longwave_broker::listen::tls::{Alpn, ClientCertificates, TlsProfile, TlsReload};
use longwave_broker::stats::BrokerStats;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Behaviour, Client, Server, connect_packet, dial_tls, write_certificate};

/// An authority of clients.
struct Authority(Issuer<'static, KeyPair>, String);

/// A certificate and its key.
type Own = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self(Issuer::new(params, key), pem)
    }

    fn sign(&self, common_name: &str, end_year: i32) -> Own {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_after = rcgen::date_time_ymd(end_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }
}

fn client(
    server: &CertificateDer<'static>,
    own: Option<&Own>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(server.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match own {
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap(),
        None => builder.with_no_client_auth(),
    })
}

fn start(
    directory: &Path,
    authority: &Authority,
    required: bool,
    transport: Transport,
) -> (Server, CertificateDer<'static>) {
    let authorities = directory.join("clients.pem");
    std::fs::write(&authorities, &authority.1).unwrap();
    let (files, certificate) = write_certificate(directory, "one");
    let profile = TlsProfile { only_1_3: false, clients: Some(ClientCertificates { authorities, required }) };
    let reload = TlsReload::load_with(files, profile, Arc::new(BrokerStats::default())).unwrap();
    let admit = ChainAdmit::new(None, None).with_certificates(CertificateAdmit { named_by: NamedBy::CommonName });
    let server = Server::build(transport, Some(reload), Limits::default(), Behaviour::default(), Arc::new(admit));
    (server, certificate)
}

const BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// CONNECT's reason; `None` when there is none because TLS ended.
async fn connect(server: &Server, config: Arc<ClientConfig>, user: Option<&str>) -> Option<u8> {
    let stream = dial_tls(server.address, config).await.ok()?;
    let mut client = Client::on(stream, Version::V5);
    let Packet::Connect(mut connect) = connect_packet(Version::V5, "nobody", "phone") else { unreachable!() };
    connect.user_name = user.map(str::to_owned);
    let bytes = client.encode(&Packet::Connect(connect));
    // With TLS 1.3 the refusal of a certificate comes after the client's handshake.
    client.stream.write_all(&bytes).await.ok()?;
    match client.receive().await {
        Some(Packet::ConnAck(ack)) => Some(ack.reason),
        None => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_certificate_says_who_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (server, certificate) = start(directory.path(), &authority, true, Transport::Tls);
    for version in BOTH {
        let config = |own: Option<&Own>| client(&certificate, own, &[version]);
        let bob = authority.sign("bob", 2090);
        assert_eq!(connect(&server, config(Some(&bob)), None).await, Some(0));
        assert_eq!(connect(&server, config(Some(&bob)), Some("bob")).await, Some(0));
        assert_eq!(connect(&server, config(Some(&bob)), Some("alice")).await, Some(0x86));
        assert_eq!(connect(&server, config(Some(&authority.sign("no/user", 2090))), None).await, Some(0x86));
        assert_eq!(connect(&server, config(Some(&authority.sign("bob", 2020))), None).await, None, "expired");
        assert_eq!(connect(&server, config(Some(&stranger.sign("bob", 2090))), None).await, None, "a stranger");
        assert_eq!(connect(&server, config(None), None).await, None, "no certificate");
    }
    server.until("failures counted", |server| server.broker.stats().handshakes_failed.get() == 6).await;
}

#[tokio::test]
async fn a_resumed_session_is_still_who_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (server, certificate) = start(directory.path(), &authority, true, Transport::Tls);
    for version in BOTH {
        let config = client(&certificate, Some(&authority.sign("bob", 2090)), &[version]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let stream = dial_tls(server.address, config.clone()).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind), "{version:?}");
            let mut client = Client::on(stream, Version::V5);
            client.connect("bob", "phone").await;
            client.subscribe("t").await;
        }
    }
}

#[tokio::test]
async fn without_one_where_none_is_required_another_way_in_is_needed() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (server, certificate) = start(directory.path(), &authority, false, Transport::Tls);
    let bob = authority.sign("bob", 2090);
    assert_eq!(connect(&server, client(&certificate, Some(&bob), &BOTH), None).await, Some(0));
    assert_eq!(connect(&server, client(&certificate, None, &BOTH), Some("bob")).await, Some(0x86));
    assert_eq!(
        connect(&server, client(&certificate, Some(&Authority::new().sign("bob", 2090)), &BOTH), None).await,
        None
    );
}

#[tokio::test]
async fn unusable_authorities_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let (files, _) = write_certificate(directory.path(), "one");
    let authorities = directory.path().join("clients.pem");
    let load = || {
        let clients = Some(ClientCertificates { authorities: authorities.clone(), required: true });
        let profile = TlsProfile { clients, ..TlsProfile::default() };
        TlsReload::load_with(files.clone(), profile, Arc::new(BrokerStats::default())).unwrap_err()
    };
    assert!(load().to_string().contains("clients.pem: cannot be read"));
    std::fs::write(&authorities, "nothing\n").unwrap();
    assert!(load().to_string().contains("clients.pem: holds no certificate"));
}

/// A ClientHello of this version with the ciphers of its time, by hand: no library here speaks it any more.
fn hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = Vec::from(version);
    body.extend([7; 32]);
    // No session; ECDHE-RSA and RSA with AES-128-CBC-SHA; no compression.
    body.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
    let mut message = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
    message.extend(body);
    let mut record = vec![22, 3, 1, 0, u8::try_from(message.len()).unwrap()];
    record.extend(message);
    record
}

#[tokio::test]
async fn older_tls_and_weak_ciphers_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (files, certificate) = write_certificate(directory.path(), "one");
    let load = |only_1_3| {
        let profile = TlsProfile { only_1_3, clients: None };
        TlsReload::load_with(files.clone(), profile, Arc::new(BrokerStats::default())).unwrap()
    };
    let server = Server::over(Transport::Tls, Some(load(false)));
    // SSL 3, TLS 1.0, 1.1, and 1.2 with old ciphers only: a fatal alert and the end.
    for version in [[3, 0], [3, 1], [3, 2], [3, 3]] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(&hello(version)).await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        assert_eq!((answer[0], answer[5]), (21, 2), "{version:?}: {answer:?}");
    }
    server.until("failures counted", |server| server.broker.stats().handshakes_failed.get() == 4).await;

    let strict = Server::over(Transport::Tls, Some(load(true)));
    let [old, new] = BOTH;
    assert!(dial_tls(strict.address, client(&certificate, None, &[old])).await.is_err());
    assert!(dial_tls(strict.address, client(&certificate, None, &[new])).await.is_ok());

    let config = load(false).server_config(Alpn::Mqtt).unwrap();
    let mut names: Vec<_> =
        config.crypto_provider().cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
    names.sort();
    let expected = [
        "TLS13_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ];
    assert_eq!(names, expected);
}
