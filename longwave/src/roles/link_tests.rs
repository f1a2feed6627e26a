//! The link between a broker's internal listener and a bridge's client, by TLS, plain, and where the two do not fit.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longwave_broker::Broker;
use longwave_link::{Client, ClientSettings, ConnectError, Link, LinkSettings, LinkStats, LinkTls, Served};
use longwave_model::{ErrorCode, ShardId};
use longwave_port::{Completion, Gate, Publish};
use longwave_settings::Settings;
use tempfile::TempDir;
use tokio::sync::watch;

use super::broker::internal_listener;

const SECRET: &str = "a secret of this test";
/// How long something may take before the test is failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker's internal listener, and the files of a deployment.
struct Site {
    directory: TempDir,
    address: (String, u16),
    _link: Arc<Link>,
    _internal: Arc<Broker>,
}

impl Site {
    /// With a certificate for this name, or without TLS.
    fn new(name: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.link.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        if let Some(name) = name {
            settings.link.certificate = Some(write_certificate(directory.path(), "broker", name));
            settings.link.key = Some(directory.path().join("broker.key"));
        }
        let link = LinkSettings {
            node: "broker".to_owned(),
            shards: 4,
            secret: SECRET.to_owned(),
            queue_bytes: 1 << 20,
            give_up: Duration::from_secs(30),
        };
        let (link, bridges) = Link::start(link, Arc::new(LinkStats::default()));
        let (internal, address) = internal_listener(&settings, bridges).unwrap();
        Self { directory, address: ("127.0.0.1".to_owned(), address.port()), _link: link, _internal: internal }
    }

    /// TLS of a bridge that trusts this certificate.
    fn trusting(&self, roots: &Path, server_name: Option<&str>) -> LinkTls {
        let directory = self.directory.path().to_owned();
        LinkTls::load(roots, server_name.map(ToOwned::to_owned), directory).unwrap()
    }

    fn roots(&self) -> PathBuf {
        self.directory.path().join("broker.pem")
    }

    fn connect(&self, secret: &str, tls: Option<LinkTls>) -> Bridge {
        let settings = ClientSettings { name: "bridge-1".to_owned(), secret: secret.to_owned(), tls };
        let (leaving, watch) = watch::channel(false);
        Bridge { client: Client::start(self.address.clone(), settings, Arc::new(Nothing), watch), _leaving: leaving }
    }
}

/// A bridge's side.
struct Bridge {
    client: Client,
    _leaving: watch::Sender<bool>,
}

impl Bridge {
    async fn is_accepted(&self) {
        let begun = Instant::now();
        while !self.client.is_connected() {
            assert!(begun.elapsed() < PATIENCE, "not accepted: {:?}", self.client.failure());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(self.client.failure(), None);
    }

    async fn is_refused(&self) -> ConnectError {
        let begun = Instant::now();
        loop {
            assert!(!self.client.is_connected() && begun.elapsed() < PATIENCE, "not refused");
            if let Some(error) = self.client.failure() {
                assert_eq!(error.code(), ErrorCode::BrokerUnreachable);
                return error;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

struct Nothing;

impl Gate for Nothing {
    fn publish(&self, _: Publish, _: Completion) {}
}

impl Served for Nothing {
    fn own(&self, _: &[ShardId]) {}
}

/// Writes a certificate for this name that is its own authority, and its key; returns where the certificate is.
fn write_certificate(directory: &Path, stem: &str, name: &str) -> PathBuf {
    let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let file = directory.join(format!("{stem}.pem"));
    std::fs::write(&file, pair.cert.pem()).unwrap();
    std::fs::write(directory.join(format!("{stem}.key")), pair.signing_key.serialize_pem()).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_connects_plain_and_by_tls() {
    let plain = Site::new(None);
    plain.connect(SECRET, None).is_accepted().await;
    let by_address = Site::new(Some("127.0.0.1"));
    let tls = by_address.trusting(&by_address.roots(), None);
    let bridge = by_address.connect(SECRET, Some(tls));
    bridge.is_accepted().await;
    let sockets = std::fs::read_dir(by_address.directory.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(sockets.filter(|name| name.to_string_lossy().starts_with("link.")).count(), 0, "no socket is left");
    let by_name = Site::new(Some("brokers.longwave"));
    let tls = by_name.trusting(&by_name.roots(), Some("brokers.longwave"));
    by_name.connect(SECRET, Some(tls)).is_accepted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_not_who_it_should_be_is_not_told_the_secret() {
    let site = Site::new(Some("127.0.0.1"));
    let other = write_certificate(site.directory.path(), "other", "127.0.0.1");
    let error = site.connect(SECRET, Some(site.trusting(&other, None))).is_refused().await;
    assert!(matches!(error, ConnectError::Tls(_)), "{error}");
    assert!(
        error.to_string().contains("certificate") && error.to_string().contains("link.root_certificates"),
        "{error}"
    );
    let error = site.connect(SECRET, Some(site.trusting(&site.roots(), Some("elsewhere")))).is_refused().await;
    assert!(matches!(error, ConnectError::Tls(_)) && error.to_string().contains("elsewhere"), "{error}");
    let empty = site.directory.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let error = LinkTls::load(&empty, None, PathBuf::new()).unwrap_err();
    assert!(error.to_string().contains("empty.pem: there is no certificate in it"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_side_alone_with_tls_is_refused() {
    let site = Site::new(Some("127.0.0.1"));
    let error = site.connect(SECRET, None).is_refused().await;
    assert!(matches!(error, ConnectError::Ended(_)), "{error:?}");
    assert!(error.to_string().contains("link.root_certificates"), "{error}");
    let plain = Site::new(None);
    let error = plain.connect(SECRET, Some(plain.trusting(&site.roots(), None))).is_refused().await;
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_is_still_needed() {
    let site = Site::new(Some("127.0.0.1"));
    let tls = site.trusting(&site.roots(), None);
    assert_eq!(site.connect("another secret", Some(tls)).is_refused().await, ConnectError::Secret);
    assert_eq!(Site::new(None).connect("another secret", None).is_refused().await, ConnectError::Secret);
    let mut nobody = Site::new(None);
    // Port 1 is nobody's.
    nobody.address.1 = 1;
    assert!(matches!(nobody.connect(SECRET, None).is_refused().await, ConnectError::Away(_)));
}
