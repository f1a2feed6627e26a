//! A keyspace of its own for each test, on the Cassandra that the tests run against.
//!
//! Making tables is what is slow, so keyspaces are made ahead of the tests by one task after another, and every test takes the next.

use std::env;
use std::net::ToSocketAddrs as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use longwave_persistence::cassandra::{Cassandra, CassandraConfig, Replication, migrate};
use scylla::client::session_builder::SessionBuilder;
use tokio::sync::Mutex;

/// A store in a keyspace of its own.
pub(crate) struct Keyspace {
    pub(crate) config: CassandraConfig,
    pub(crate) store: Option<Arc<Cassandra>>,
}

impl Keyspace {
    /// Makes one. `None` where no Cassandra answers; under CI that is a failure.
    pub(crate) async fn fresh() -> Option<Self> {
        let config = CassandraConfig {
            keyspace: name(),
            replication: Replication::Simple(1),
            shards: 4,
            request_timeout: Duration::from_secs(60),
            ..CassandraConfig::new(vec![address()?])
        };
        // Cassandra agrees on one change of schema at a time; several at once only slow each other down.
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        migrate(&config).await.unwrap();
        drop(turn);
        let mut keyspace = Self { config, store: None };
        keyspace.open().await;
        Some(keyspace)
    }

    /// Opens the store anew, as another process would.
    pub(crate) async fn open(&mut self) {
        self.store = Some(Arc::new(Cassandra::connect(&self.config).await.unwrap()));
    }

    /// Drops the keyspace.
    pub(crate) async fn drop(self) {
        let session = SessionBuilder::new().known_nodes(&self.config.contact_points).build().await.unwrap();
        let _ = session.query_unpaged(format!("DROP KEYSPACE IF EXISTS {}", self.config.keyspace), ()).await;
    }
}

/// Where Cassandra is.
pub(crate) fn address() -> Option<String> {
    let address = env::var("LONGWAVE_TEST_CASSANDRA").unwrap_or_else(|_| "127.0.0.1:19042".to_owned());
    let there = address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    let answers =
        there.is_some_and(|there| std::net::TcpStream::connect_timeout(&there, Duration::from_secs(2)).is_ok());
    if answers {
        return Some(address);
    }
    let strict = env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
    assert!(!strict, "no Cassandra answers at {address}");
    #[expect(clippy::print_stderr, reason = "a skipped test says so, whoever runs it")]
    {
        eprintln!("skipped: no Cassandra answers at {address} (start it with `cargo xtask services up cassandra`)");
    }
    None
}

fn name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("test_{:x}_{:x}_{}", std::process::id(), now, COUNT.fetch_add(1, Ordering::Relaxed))
}
