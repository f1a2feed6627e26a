//! The store on Apache Cassandra: the same traits as the embedded one, for any number of processes.
//!
//! Only the journal, its fence and the registers use compare-and-set. Everything else is a register that commutes: each write carries a
//! timestamp made from what it says (an entry's seq, a connection's number), never a clock, so writing twice, late, or by a
//! former owner changes nothing. Reads and writes are QUORUM, or LOCAL_QUORUM where a home data centre is pinned.

mod apply;
mod config;
mod connect;
mod cursors;
mod devices;
mod execute;
mod health;
mod journal;
mod log;
mod marks;
mod members;
mod open_error;
mod outcome;
mod owned;
mod pushes;
mod registers;
mod schema;
mod sessions;
mod statements;
mod survey;
mod sweep;

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use scylla::client::session::Session;
use tokio::sync::Semaphore;

use devices::Devices;
use health::Health;
use owned::Owned;
use statements::Statements;
use sweep::Rounds;

pub use config::{CassandraConfig, Credentials, Replication};
pub use health::CassandraStats;
pub use open_error::CassandraError;
pub use schema::{SCHEMA_VERSION, migrate};

/// The store on Cassandra. Cheap to share by `Arc`; every method may be called from many tasks at once.
pub struct Cassandra {
    session: Session,
    statements: Statements,
    shards: u16,
    /// Requests under way at most, so that a burst queues here and not in the coordinators.
    requests: Semaphore,
    /// Per shard, what this process knows of it as its owner.
    owned: Vec<Mutex<Owned>>,
    /// Of the devices seen lately, which cursors count.
    devices: Mutex<Devices>,
    health: Health,
    /// Where the next sweep goes on.
    rounds: tokio::sync::Mutex<Rounds>,
}

impl Cassandra {
    /// Connects to a keyspace that [`migrate`] has made.
    ///
    /// # Errors
    /// [`CassandraError`] when no node answers, or the schema is missing, older, newer, or was made for another number of shards.
    pub async fn connect(config: &CassandraConfig) -> Result<Self, CassandraError> {
        let session = connect::session(config).await?;
        schema::check(&session, config).await?;
        let statements = Box::pin(Statements::prepare(&session, config)).await?;
        Ok(Self {
            session,
            statements,
            shards: config.shards,
            requests: Semaphore::new(config.concurrent_requests.max(1)),
            owned: (0..config.shards).map(|_| Mutex::default()).collect(),
            devices: Mutex::default(),
            health: Health::default(),
            rounds: tokio::sync::Mutex::new(Rounds::new()),
        })
    }
}

impl fmt::Debug for Cassandra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cassandra").field("shards", &self.shards).finish_non_exhaustive()
    }
}

/// Unix time in milliseconds.
fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
