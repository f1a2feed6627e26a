//! A keyspace of its own for each test, on the Cassandra that the tests run against.
//!
//! Making tables is what is slow, so keyspaces are made ahead of the tests by one task after another, and every test takes the next.

use std::env;
use std::net::ToSocketAddrs as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use longwave_persistence::cassandra::{Cassandra, CassandraConfig, Replication, migrate};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::NewSessionError;
use tokio::sync::Mutex;

/// A store in a keyspace of its own.
pub(crate) struct Keyspace {
    pub(crate) config: CassandraConfig,
    /// As whom the keyspace was made, and is dropped.
    maker: CassandraConfig,
    pub(crate) store: Option<Arc<Cassandra>>,
}

impl Keyspace {
    /// Makes one. `None` where no Cassandra answers; under CI that is a failure.
    pub(crate) async fn fresh() -> Option<Self> {
        let mut keyspace = Self::made(new(address()?)).await;
        keyspace.open().await;
        Some(keyspace)
    }

    /// Makes it with these settings, and opens no store.
    pub(crate) async fn made(config: CassandraConfig) -> Self {
        // Cassandra agrees on one change of schema at a time; several at once only slow each other down.
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        migrate(&config).await.unwrap();
        drop(turn);
        Self { maker: config.clone(), config, store: None }
    }

    /// Opens the store anew, as another process would.
    pub(crate) async fn open(&mut self) {
        self.store = Some(Arc::new(Cassandra::connect(&self.config).await.unwrap()));
    }

    /// Drops the keyspace.
    pub(crate) async fn drop(self) {
        let session = session(&self.maker).await.unwrap();
        let _ = session.query_unpaged(format!("DROP KEYSPACE IF EXISTS {}", self.config.keyspace), ()).await;
    }
}

/// Settings for a new keyspace on the node at this address. Answers may take long on a busy machine.
pub(crate) fn new(address: String) -> CassandraConfig {
    CassandraConfig {
        keyspace: name(),
        replication: Replication::Simple(1),
        shards: 4,
        request_timeout: Duration::from_secs(60),
        ..CassandraConfig::new(vec![address])
    }
}

/// A session of the driver itself.
pub(crate) async fn session(config: &CassandraConfig) -> Result<Session, NewSessionError> {
    let mut builder = SessionBuilder::new().known_nodes(&config.contact_points);
    if let Some(credentials) = &config.credentials {
        builder = builder.user(&credentials.user, &credentials.password);
    }
    if let Some(file) = &config.root_certificates {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        builder = builder.tls_context(Some(Arc::new(client)));
    }
    builder.build().await
}

/// Where Cassandra is.
pub(crate) fn address() -> Option<String> {
    there("cassandra", "LONGWAVE_TEST_CASSANDRA", "127.0.0.1:19042")
}

/// Where an engine is; `None` where none answers, which under CI is a failure.
pub(crate) fn there(engine: &str, variable: &str, usual: &str) -> Option<String> {
    let address = env::var(variable).unwrap_or_else(|_| usual.to_owned());
    let there = address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    let answers =
        there.is_some_and(|there| std::net::TcpStream::connect_timeout(&there, Duration::from_secs(2)).is_ok());
    if answers {
        return Some(address);
    }
    let strict = env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
    assert!(!strict, "no {engine} answers at {address}");
    #[expect(clippy::print_stderr, reason = "a skipped test says so, whoever runs it")]
    {
        eprintln!("skipped: no {engine} answers at {address} (start it with `cargo xtask services up {engine}`)");
    }
    None
}

fn name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("test_{:x}_{:x}_{}", std::process::id(), now, COUNT.fetch_add(1, Ordering::Relaxed))
}
