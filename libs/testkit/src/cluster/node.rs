//! One Longwave process of a cluster, with what stands between it and the others: proxies that can cut, and a clock that can step.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::engines::Engines;
use super::proxy::{Passage, Proxy};
use crate::server::{Role, Server, ServerPlan, free_addresses};

/// How long a process may take to start while the engines below it are disturbed.
const START_LIMIT: Duration = Duration::from_secs(90);

/// Where libfaketime is, on Debian.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// In the cluster's directory: the certificate of all brokers' internal listeners, which bridges trust, and its key.
const CERTIFICATE: &str = "link.pem";
const KEY: &str = "link.key";

/// Makes the certificate of the internal listeners.
pub(super) fn make_certificate(directory: &Path) -> anyhow::Result<()> {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    std::fs::write(directory.join(CERTIFICATE), own.cert.pem())?;
    std::fs::write(directory.join(KEY), own.signing_key.serialize_pem())?;
    Ok(())
}

/// A process.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) server: Server,
    /// Between it and Redis.
    redis: Proxy,
    /// A broker: between bridges and its internal listener.
    link: Option<Proxy>,
    /// What its clock is set off by, for libfaketime.
    clock: PathBuf,
}

/// What the processes of a cluster have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) binary: &'a Path,
    pub(super) directory: &'a Path,
    pub(super) engines: &'a Engines,
    pub(super) keyspace: &'a str,
    /// More settings.
    pub(super) settings: &'a [String],
    /// A fault planted in all of them.
    pub(super) planted: Option<&'a str>,
}

impl Node {
    pub(super) async fn start(role: Role, number: usize, site: &Site<'_>) -> anyhow::Result<Self> {
        let Site { binary, directory, engines, keyspace, settings: more, planted } = *site;
        ensure!(Path::new(FAKETIME).is_file(), "there is no {FAKETIME} (Debian: libfaketime)");
        let name = format!("{}-{number}", role.name());
        let home = directory.join(&name);
        std::fs::create_dir_all(&home)?;
        let secret = home.join("secret");
        std::fs::write(&secret, "a secret of this test run")?;
        let clock = home.join("clock");
        std::fs::write(&clock, "+0")?;
        let redis = Proxy::start(engines.redis).await?;
        let [internal] = free_addresses()?;
        let link = match role {
            Role::Broker => Some(Proxy::start(internal).await?),
            _ => None,
        };
        let mut settings = vec![
            format!("node.id={name}"),
            format!("redis.addresses={}", redis.address),
            format!("redis.prefix={keyspace}"),
            format!("link.secret_file={}", secret.display()),
            format!("link.listen={internal}"),
            format!("link.certificate={}", directory.join(CERTIFICATE).display()),
            format!("link.key={}", directory.join(KEY).display()),
            format!("link.root_certificates={}", directory.join(CERTIFICATE).display()),
            "feed.compare_seconds=20".to_owned(),
            "log.level=info,scylla=warn".to_owned(),
        ];
        settings.extend(store_settings(engines, keyspace));
        settings.extend(more.iter().cloned());
        settings.extend(link.iter().map(|proxy| format!("link.advertise={}", proxy.address)));
        let mut plan = ServerPlan::new(binary, &home)?;
        plan.role = role;
        plan.arguments.extend(settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]));
        plan.environment.extend([
            ("LD_PRELOAD".to_owned(), FAKETIME.to_owned()),
            ("FAKETIME_TIMESTAMP_FILE".to_owned(), clock.display().to_string()),
            ("FAKETIME_NO_CACHE".to_owned(), "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
            ("DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
        ]);
        plan.environment.extend(planted.map(|fault| ("LONGWAVE_FAULT".to_owned(), fault.to_owned())));
        let server = Server::start(plan)?;
        Ok(Self { name, server, redis, link, clock })
    }

    pub(super) fn mqtt(&self) -> SocketAddr {
        self.server.plan().mqtt
    }

    /// Starts it again, as a supervisor would: until it stays.
    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            match self.server.restart() {
                Ok(()) => return Ok(()),
                Err(error) if started.elapsed() > START_LIMIT => bail!("{} does not start: {error:#}", self.name),
                Err(_) => {
                    self.server.kill()?;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            }
        }
    }

    /// Cuts it off, or lets it through again.
    pub(super) fn pass(&self, passage: Passage) {
        self.redis.set(passage);
        if let Some(link) = &self.link {
            link.set(passage);
        }
    }

    /// Sets its clock off by so many seconds.
    pub(super) fn step_clock(&self, seconds: i64) -> anyhow::Result<()> {
        // At once, so that no half of it is read.
        let next = self.clock.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}"))?;
        Ok(std::fs::rename(next, &self.clock)?)
    }
}

/// Settings of the store.
pub(super) fn store_settings(engines: &Engines, keyspace: &str) -> Vec<String> {
    vec![
        format!("cassandra.contact_points={}", engines.cassandra),
        format!("cassandra.keyspace={keyspace}"),
        format!("cassandra.replication_factor={}", engines.copies),
        "cassandra.shards=8".to_owned(),
        format!("cassandra.request_seconds={}", if engines.copies > 1 { 5 } else { 2 }),
    ]
}
