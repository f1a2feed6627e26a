//! A keyspace of its own for each test, on the Cassandra that the tests run against.
//!
//! Making tables is what is slow, so keyspaces are made ahead of the tests by one task after another, and every test takes the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use longwave_persistence::cassandra::{Cassandra, CassandraConfig, Replication, migrate};
use longwave_testkit::engine;
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
    if let Some(roots) = &config.root_certificates {
        builder = builder.tls_context(Some(longwave_tls::trusting(roots).unwrap()));
    }
    builder.build().await
}

/// Where Cassandra is.
pub(crate) fn address() -> Option<String> {
    engine::find("cassandra", "127.0.0.1:19042")
}

fn name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("test_{:x}_{:x}_{}", std::process::id(), now, COUNT.fetch_add(1, Ordering::Relaxed))
}
