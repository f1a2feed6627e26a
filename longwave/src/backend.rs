//! The store that the settings name: embedded, or on Cassandra. Everything that works on both takes it as `dyn Store`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use longwave_persistence::audit::{Finding, Summary};
use longwave_persistence::cassandra::{Cassandra, CassandraConfig, CassandraError, Credentials, Replication};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_persistence::{RetentionPolicy, Store, StoreError, SweepReport};
use longwave_settings::Settings;

use crate::settings::first_line;

/// Where the embedded store lies below the data directory, beside the socket.
const STORE: &str = "store";

/// Rows that one sweep of the embedded store looks at per kind of work.
const EMBEDDED_SWEEP: usize = 100_000;

/// The same on Cassandra, where they come over the network and others wait for the nodes meanwhile.
const CASSANDRA_SWEEP: usize = 10_000;

/// An open store.
#[derive(Clone)]
pub(crate) enum Backend {
    Embedded(Arc<Embedded>),
    Cassandra(Arc<Cassandra>),
}

impl Backend {
    /// Opens the store of these settings.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&settings.store.path)
            .with_context(|| format!("store.path {}", settings.store.path.display()))?;
        if is_on_cassandra(settings) {
            let store = Cassandra::connect(&cassandra_config(settings)?).await;
            return Ok(Self::Cassandra(Arc::new(store.map_err(numbered)?)));
        }
        let store = Embedded::open(embedded_config(settings)).map_err(|error| match error.code() {
            Some(code) => anyhow::anyhow!("{error} (error {})", code.number()),
            None => error.into(),
        });
        Ok(Self::Embedded(Arc::new(store?)))
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Embedded(store) => store.clone(),
            Self::Cassandra(store) => store.clone(),
        }
    }

    /// Why clients should not come now, if the store is the reason.
    pub(crate) fn unavailable(&self) -> Option<String> {
        match self {
            Self::Embedded(store) => store.unavailable(),
            Self::Cassandra(store) => store.unavailable(),
        }
    }

    /// Checks all tables against each other.
    pub(crate) async fn audit(&self, most: usize) -> Result<(Summary, Vec<Finding>), StoreError> {
        match self {
            Self::Embedded(store) => store.audit(most).await,
            Self::Cassandra(store) => store.audit(most).await,
        }
    }

    /// Removes some of what has expired or is past retention.
    pub(crate) async fn sweep(&self, policy: RetentionPolicy) -> Result<SweepReport, StoreError> {
        match self {
            Self::Embedded(store) => store.sweep(policy, EMBEDDED_SWEEP).await,
            Self::Cassandra(store) => store.sweep(policy, CASSANDRA_SWEEP).await,
        }
    }

    /// The embedded store, for what only that one does.
    pub(crate) fn embedded(&self) -> anyhow::Result<&Arc<Embedded>> {
        match self {
            Self::Embedded(store) => Ok(store),
            Self::Cassandra(_) => bail!("the store is on Cassandra: back it up with Cassandra's own snapshots"),
        }
    }
}

/// Whether the settings name nodes of Cassandra.
pub(crate) fn is_on_cassandra(settings: &Settings) -> bool {
    !settings.cassandra.contact_points.is_empty()
}

/// How the embedded store of these settings is opened.
pub(crate) fn embedded_config(settings: &Settings) -> EmbeddedConfig {
    EmbeddedConfig {
        shards: settings.store.shards,
        free_space_mark: settings.store.free_space_mark_bytes,
        cache_bytes: settings.store.cache_bytes,
        journal_bytes: settings.store.log_bytes,
        queue_length: settings.store.queued_writes,
        ..EmbeddedConfig::new(settings.store.path.join(STORE))
    }
}

/// How Cassandra is reached with these settings.
pub(crate) fn cassandra_config(settings: &Settings) -> anyhow::Result<CassandraConfig> {
    let cassandra = &settings.cassandra;
    let credentials = match (&cassandra.user, &cassandra.password_file) {
        (None, None) => None,
        (Some(user), Some(file)) => {
            let password = first_line(file, "cassandra.password_file")?;
            Some(Credentials { user: user.clone(), password })
        }
        _ => bail!("cassandra: user and password_file go together (error 5001)"),
    };
    let points = cassandra.contact_points.split(',').map(|point| point.trim().to_owned()).collect();
    let centres: Vec<_> = cassandra.data_centres.iter().map(|(name, copies)| (name.clone(), *copies)).collect();
    Ok(CassandraConfig {
        keyspace: cassandra.keyspace.clone(),
        replication: match centres.is_empty() {
            true => Replication::Simple(cassandra.replication_factor),
            false => Replication::DataCentres(centres),
        },
        local_data_centre: cassandra.local_data_centre.clone(),
        credentials,
        root_certificates: cassandra.root_certificates.clone(),
        shards: cassandra.shards,
        request_timeout: Duration::from_secs(cassandra.request_seconds),
        concurrent_requests: cassandra.concurrent_requests,
        ..CassandraConfig::new(points)
    })
}

/// An error with its number.
pub(crate) fn numbered(error: CassandraError) -> anyhow::Error {
    let number = error.code().number();
    anyhow::anyhow!("{error} (error {number})")
}
