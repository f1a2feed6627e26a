//! Settings of Redis, and what is made of them once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::error::RedisError;
use super::open::split_address;

/// How the servers stand to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Single,
    /// A cluster of masters that share the slots; the addresses are those of some of its nodes.
    Cluster,
    /// One master that Sentinels choose; the addresses are those of the Sentinels.
    Sentinel {
        /// The name by which the Sentinels know it.
        master: String,
    },
}

/// Settings of Redis.
#[derive(Clone)]
pub struct RedisConfig {
    /// Addresses (`host:port`): of the server, of some nodes of the cluster, or of the Sentinels.
    pub addresses: Vec<String>,
    /// How the servers stand to each other.
    pub topology: Topology,
    /// User name (ACL); without one a password is that of the default user.
    pub user: Option<String>,
    /// Its password. Never printed.
    pub password: Option<String>,
    /// User name at the Sentinels, which have users of their own.
    pub sentinel_user: Option<String>,
    /// Password at the Sentinels. Never printed.
    pub sentinel_password: Option<String>,
    /// TLS, with the certificates in this PEM file as roots; for the Sentinels too.
    pub root_certificates: Option<PathBuf>,
    /// What all keys and channels begin with: 1–32 of `[A-Za-z0-9._-]`.
    pub prefix: String,
    /// How long a call may take, with all its retries (one of more than 4,096 commands: so long for every 4,096); also how long a
    /// connection may take to open.
    pub request_timeout: Duration,
    /// How long a device's presence and a node's interest live unless they are refreshed.
    pub presence_life_time: Duration,
    /// How long a node stays in the registry unless it is announced again.
    pub node_life_time: Duration,
    /// How long the hot entries of a conversation live after the last one.
    pub hot_life_time: Duration,
    /// Bytes of bus messages that may wait for a slow receiver; then some are lost, and the receiver is told.
    pub bus_buffer_bytes: usize,
}

impl RedisConfig {
    /// One server at this address, with everything else at its default.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            addresses: vec![address.into()],
            topology: Topology::Single,
            user: None,
            password: None,
            sentinel_user: None,
            sentinel_password: None,
            root_certificates: None,
            prefix: "lw".to_owned(),
            request_timeout: Duration::from_secs(1),
            presence_life_time: Duration::from_secs(30),
            node_life_time: Duration::from_secs(10),
            hot_life_time: Duration::from_secs(60),
            bus_buffer_bytes: 64 * 1024 * 1024,
        }
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("addresses", &self.addresses)
            .field("topology", &self.topology)
            .field("user", &self.user)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// A user name and password, each if there is one.
#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// The settings, checked.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) addresses: Vec<Arc<str>>,
    pub(super) topology: Topology,
    pub(super) login: Login,
    pub(super) sentinel_login: Login,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) prefix: Arc<str>,
    pub(super) limit: Duration,
    pub(super) presence_millis: u64,
    pub(super) node_millis: u64,
    pub(super) hot_millis: u64,
    pub(super) bus_buffer_bytes: usize,
}

impl Settings {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, RedisError> {
        match config.addresses.len() {
            0 => return Err(RedisError::setting("addresses", "name at least one server")),
            1 => {}
            _ if config.topology == Topology::Single => {
                return Err(RedisError::setting(
                    "addresses",
                    "a single server has one address; several need a cluster or Sentinel",
                ));
            }
            _ => {}
        }
        for address in &config.addresses {
            if split_address(address).is_none() {
                return Err(RedisError::setting("addresses", format!("{address} is not host:port")));
            }
        }
        if let Topology::Sentinel { master } = &config.topology
            && master.is_empty()
        {
            return Err(RedisError::setting("sentinel_master", "name the master as the Sentinels know it"));
        }
        if config.user.is_some() && config.password.is_none() {
            return Err(RedisError::setting("password", "a user needs a password"));
        }
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        if config.prefix.is_empty() || config.prefix.len() > 32 || !config.prefix.bytes().all(plain) {
            return Err(RedisError::setting("prefix", "must have 1 to 32 of A-Z a-z 0-9 . _ -"));
        }
        let millis = |name, time: Duration| match u64::try_from(time.as_millis()) {
            Ok(0) | Err(_) => Err(RedisError::setting(name, "must be at least a millisecond")),
            Ok(millis) => Ok(millis),
        };
        millis("request_timeout", config.request_timeout)?;
        Ok(Self {
            addresses: config.addresses.iter().map(|address| address.as_str().into()).collect(),
            topology: config.topology.clone(),
            login: Login { user: config.user.clone(), password: config.password.clone() },
            sentinel_login: Login { user: config.sentinel_user.clone(), password: config.sentinel_password.clone() },
            tls: config.root_certificates.as_deref().map(tls).transpose()?,
            prefix: config.prefix.as_str().into(),
            limit: config.request_timeout,
            presence_millis: millis("presence_life_time", config.presence_life_time)?,
            node_millis: millis("node_life_time", config.node_life_time)?,
            hot_millis: millis("hot_life_time", config.hot_life_time)?,
            bus_buffer_bytes: config.bus_buffer_bytes,
        })
    }
}

fn tls(path: &Path) -> Result<Arc<ClientConfig>, RedisError> {
    longwave_tls::trusting(path).map_err(|error| RedisError::setting("root_certificates", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(config: &RedisConfig) -> String {
        Settings::new(config).err().unwrap().to_string()
    }

    #[test]
    fn settings_that_cannot_be_right_are_named() {
        let good = RedisConfig::new("localhost:6379");
        assert!(Settings::new(&good).is_ok());
        assert!(reason(&RedisConfig { addresses: vec![], ..good.clone() }).contains("redis.addresses"));
        assert!(reason(&RedisConfig::new("localhost")).contains("localhost is not host:port"));
        assert!(reason(&RedisConfig::new("localhost:70000")).contains("not host:port"));
        let two = vec!["a:1".to_owned(), "b:1".to_owned()];
        assert!(reason(&RedisConfig { addresses: two, ..good.clone() }).contains("one address"));
        assert!(reason(&RedisConfig { prefix: "l{w".to_owned(), ..good.clone() }).contains("redis.prefix"));
        assert!(reason(&RedisConfig { user: Some("u".to_owned()), ..good.clone() }).contains("needs a password"));
        assert!(reason(&RedisConfig { request_timeout: Duration::ZERO, ..good.clone() }).contains("request_timeout"));
        let missing = Some(PathBuf::from("/no/such/file"));
        assert!(reason(&RedisConfig { root_certificates: missing, ..good }).contains("/no/such/file"));
    }

    #[test]
    fn passwords_are_not_printed() {
        let config = RedisConfig { password: Some("s3cret".to_owned()), ..RedisConfig::new("a:1") };
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
