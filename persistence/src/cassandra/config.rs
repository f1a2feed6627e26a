//! Settings of the store on Cassandra.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use scylla::statement::{Consistency, SerialConsistency};

/// How many copies of every row there are, and where. Used only when the keyspace is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replication {
    /// This many, wherever the ring puts them: for one data centre.
    Simple(u32),
    /// Per data centre, this many.
    DataCentres(Vec<(String, u32)>),
}

/// A user name and its password, for PasswordAuthenticator.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password. Never printed.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Settings of the store on Cassandra.
#[derive(Debug, Clone)]
pub struct CassandraConfig {
    /// Addresses (`host:port`) of some nodes; the rest are found through them.
    pub contact_points: Vec<String>,
    /// Nodes that are reached under another address than they announce (NAT, a forwarded port): announced → reachable.
    pub translations: Vec<(SocketAddr, SocketAddr)>,
    /// The keyspace: letters, digits and underscores.
    pub keyspace: String,
    /// Copies of every row, where the keyspace is made.
    pub replication: Replication,
    /// Pins reads, writes and ballots to this data centre: LOCAL_QUORUM and LOCAL_SERIAL (protocol rule 11). All owners must name the same.
    pub local_data_centre: Option<String>,
    /// Who we are.
    pub credentials: Option<Credentials>,
    /// TLS, with the certificates in this PEM file as roots.
    pub root_certificates: Option<PathBuf>,
    /// Number of shards. Fixed when the schema is made.
    pub shards: u16,
    /// How long a request may take. What a compare-and-set did that took longer is unknown.
    pub request_timeout: Duration,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// Requests under way at most.
    pub concurrent_requests: usize,
}

impl CassandraConfig {
    /// A store on these nodes with everything else at its default.
    #[must_use]
    pub fn new(contact_points: Vec<String>) -> Self {
        Self {
            contact_points,
            translations: Vec::new(),
            keyspace: "longwave".to_owned(),
            replication: Replication::Simple(3),
            local_data_centre: None,
            credentials: None,
            root_certificates: None,
            shards: 256,
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            concurrent_requests: 256,
        }
    }

    pub(super) fn consistency(&self) -> Consistency {
        match self.local_data_centre {
            Some(_) => Consistency::LocalQuorum,
            None => Consistency::Quorum,
        }
    }

    pub(super) fn serial_consistency(&self) -> SerialConsistency {
        match self.local_data_centre {
            Some(_) => SerialConsistency::LocalSerial,
            None => SerialConsistency::Serial,
        }
    }

    /// The same as the consistency of a read.
    pub(super) fn serial_read(&self) -> Consistency {
        match self.local_data_centre {
            Some(_) => Consistency::LocalSerial,
            None => Consistency::Serial,
        }
    }
}
