//! Settings of a deployment of several processes: the process's name, the link between brokers and bridges, and Redis.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The process among others. For the roles `broker` and `bridge`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// Its name, unique among running processes: 1 to 64 of A-Z a-z 0-9 . _ -; empty = the host's name and a random number.
    pub id: String,
}

/// The link between brokers and bridges. Bridges connect to every broker's internal listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinkSettings {
    /// Broker: where it listens for bridges. Inside the cluster only: who knows the secret acts for every user.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Broker: the address (`host:port`) at which bridges reach it; empty = the one it listens on.
    pub advertise: String,
    /// File whose first line is the secret that bridges show to brokers, at least 16 bytes. Broker and bridge need it.
    pub secret_file: Option<PathBuf>,
    /// Broker: PEM file with the certificate of the internal listener, then its intermediates: bridges must use TLS. Watched and reloaded.
    pub certificate: Option<PathBuf>,
    /// Broker: PEM file with the private key of `certificate`.
    pub key: Option<PathBuf>,
    /// Bridge: PEM file with root certificates: connections to brokers use TLS.
    pub root_certificates: Option<PathBuf>,
    /// Bridge: the name that every broker's certificate carries; absent = the host of the address at which it is reached.
    pub server_name: Option<String>,
    /// Bridge: addresses (`host:port`) of brokers, separated by commas, beside those found through Redis.
    pub brokers: String,
    /// Broker: bytes of publishes that may wait for bridges, all together; above it they are refused with error 4003.
    pub queue_bytes: u64,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1884)),
            advertise: String::new(),
            secret_file: None,
            certificate: None,
            key: None,
            root_certificates: None,
            server_name: None,
            brokers: String::new(),
            queue_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Redis, through which brokers and bridges find and reach each other. It holds nothing that may not be lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// Addresses (`host:port`), separated by commas: the server, some nodes of the cluster, or the Sentinels.
    pub addresses: String,
    /// The addresses are nodes of a cluster.
    pub cluster: bool,
    /// The addresses are Sentinels, who know the master by this name.
    pub sentinel_master: Option<String>,
    /// User name (ACL); needs `password_file`.
    pub user: Option<String>,
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// User name at the Sentinels, which have users of their own.
    pub sentinel_user: Option<String>,
    /// File whose first line is the password at the Sentinels.
    pub sentinel_password_file: Option<PathBuf>,
    /// PEM file with root certificates: connections use TLS.
    pub root_certificates: Option<PathBuf>,
    /// What all keys and channels begin with; deployments that share a server differ in it.
    pub prefix: String,
    /// Milliseconds that a call may take.
    pub request_millis: u64,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            addresses: String::new(),
            cluster: false,
            sentinel_master: None,
            user: None,
            password_file: None,
            sentinel_user: None,
            sentinel_password_file: None,
            root_certificates: None,
            prefix: "lw".to_owned(),
            request_millis: 1_000,
        }
    }
}
