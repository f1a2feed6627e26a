//! What brokers and bridges need to find each other, from settings.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use longwave_link::LinkTls;
use longwave_model::NodeId;
use longwave_persistence::redis::{Redis, RedisConfig, Topology};
use longwave_settings::Settings;

use crate::admin::Probe;
use crate::settings::first_line;

/// How often Redis is asked how it is.
const PING: Duration = Duration::from_secs(2);

/// Shortest secret in bytes that is taken.
const SHORTEST_SECRET: usize = 16;

/// The process's name: the one that is set, else the host's with a random number.
pub(super) fn node_id(settings: &Settings) -> anyhow::Result<NodeId> {
    if settings.node.id.is_empty() {
        return fresh_node_id(settings);
    }
    NodeId::parse(&settings.node.id).map_err(|error| anyhow::anyhow!("node.id: a name {error} (error 5001)"))
}

/// A name that no process had before.
pub(super) fn fresh_node_id(settings: &Settings) -> anyhow::Result<NodeId> {
    let name = match settings.node.id.as_str() {
        "" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        id => id.to_owned(),
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let stem: String = name.chars().map(plain).take(50).collect();
    let id = format!("{stem}-{:08x}", rand::random::<u32>());
    NodeId::parse(&id).map_err(|error| anyhow::anyhow!("node.id: {id} {error} (error 5001)"))
}

/// What bridges show to brokers.
pub(super) fn secret(settings: &Settings) -> anyhow::Result<String> {
    let file = settings.link.secret_file.as_ref().context("link.secret_file: is not set (error 5001)")?;
    let secret = first_line(file, "link.secret_file")?;
    ensure!(
        secret.len() >= SHORTEST_SECRET,
        "link.secret_file {}: the secret must have at least {SHORTEST_SECRET} bytes (error 5001)",
        file.display()
    );
    Ok(secret)
}

/// How a bridge reaches brokers by TLS, if it does. Its sockets lie beside the operators' one, in the directory of this process alone.
pub(super) fn link_tls(settings: &Settings) -> anyhow::Result<Option<LinkTls>> {
    let Some(roots) = &settings.link.root_certificates else { return Ok(None) };
    let tls = LinkTls::load(roots, settings.link.server_name.clone(), settings.store.path.clone());
    tls.map(Some).map_err(|error| anyhow::anyhow!("link.root_certificates: {error} (error 5007)"))
}

/// Redis; it need not be there yet.
pub(super) async fn redis(settings: &Settings) -> anyhow::Result<Redis> {
    let redis = &settings.redis;
    let topology = match (redis.cluster, &redis.sentinel_master) {
        (true, Some(_)) => bail!("redis: cluster and sentinel_master exclude each other (error 5001)"),
        (true, None) => Topology::Cluster,
        (false, Some(master)) => Topology::Sentinel { master: master.clone() },
        (false, None) => Topology::Single,
    };
    let password =
        |file: &Option<std::path::PathBuf>, key| file.as_deref().map(|file| first_line(file, key)).transpose();
    let config = RedisConfig {
        addresses: redis.addresses.split(',').map(|address| address.trim().to_owned()).collect(),
        topology,
        user: redis.user.clone(),
        password: password(&redis.password_file, "redis.password_file")?,
        sentinel_user: redis.sentinel_user.clone(),
        sentinel_password: password(&redis.sentinel_password_file, "redis.sentinel_password_file")?,
        root_certificates: redis.root_certificates.clone(),
        prefix: redis.prefix.clone(),
        request_timeout: Duration::from_millis(redis.request_millis),
        ..RedisConfig::new("")
    };
    Redis::connect(&config).await.map_err(|error| anyhow::anyhow!("{error} (error {})", error.code().number()))
}

/// Addresses separated by commas.
pub(super) fn addresses(text: &str, key: &str) -> anyhow::Result<Vec<(String, u16)>> {
    let address = |text: &str| {
        let (host, port) = text.rsplit_once(':')?;
        Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?))
    };
    text.split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| address(text).with_context(|| format!("{key}: {text} is not host:port (error 5001)")))
        .collect()
}

/// Objects while Redis is away.
pub(super) fn redis_probe(redis: Redis) -> Probe {
    Box::new(move || redis.unavailable())
}

/// Asks Redis how it is, for ever.
pub(super) async fn ping(redis: Redis) {
    loop {
        tokio::time::sleep(PING).await;
        // Its failure is noted where requests are counted.
        let _ = redis.ping().await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        let some = addresses("a.example:1, 127.0.0.1:2,[::1]:3", "link.brokers").unwrap();
        assert_eq!(some, [("a.example".to_owned(), 1), ("127.0.0.1".to_owned(), 2), ("::1".to_owned(), 3)]);
        assert!(addresses("", "link.brokers").unwrap().is_empty());
        assert!(addresses("nowhere", "link.brokers").unwrap_err().to_string().contains("link.brokers"));
    }

    #[test]
    fn a_name_is_made_of_the_hosts_and_never_the_same() {
        let mut settings = Settings::default();
        assert_ne!(node_id(&settings).unwrap(), node_id(&settings).unwrap());
        settings.node.id = "broker-0".into();
        assert_eq!(node_id(&settings).unwrap().as_str(), "broker-0");
        assert!(fresh_node_id(&settings).unwrap().as_str().starts_with("broker-0-"));
        settings.node.id = "a b".into();
        assert!(node_id(&settings).unwrap_err().to_string().contains("node.id"));
    }
}
