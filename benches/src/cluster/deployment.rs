//! A deployment of Longwave for one run: settings file, schema, ports, and processes in the roles that a figure needs.

use std::cell::Cell;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use clap::Args;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use tempfile::TempDir;

use super::node::Node;

/// Where the engines are, and which program is measured.
#[derive(Debug, Clone, Args)]
pub struct DeploymentSettings {
    /// The program under test.
    #[arg(long, default_value = "target/release/longwave")]
    pub longwave: PathBuf,
    /// Addresses of some Cassandra nodes, separated by commas.
    #[arg(long, default_value = "127.0.0.1:19042")]
    pub cassandra: String,
    /// Address of Redis.
    #[arg(long, default_value = "127.0.0.1:16379")]
    pub redis: String,
    /// Keyspace and Redis prefix begin with this; the run's number follows.
    #[arg(long, default_value = "figures")]
    pub name: String,
    /// Copies of every row.
    #[arg(long, default_value_t = 1)]
    pub replication_factor: u32,
    /// Shards of the keyspace.
    #[arg(long, default_value_t = 32)]
    pub shards: u16,
    /// First of the ports that are used, four for each process.
    #[arg(long, default_value_t = 23_000)]
    pub port: u16,
    /// Where processes keep their files while they run.
    #[arg(long, default_value = "target/cluster-figures")]
    pub work_dir: PathBuf,
    /// Settings of Longwave beside those of the deployment, as in `--set limits.in_flight=50`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Everything in one process, on Cassandra.
    Serve,
    /// Everything in one process, on the embedded store.
    Embedded,
    /// Connections and sessions.
    Broker,
    /// Owner of shards.
    Bridge,
}

/// A deployment whose processes are started one by one.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) settings: DeploymentSettings,
    pub(super) keyspace: String,
    directory: TempDir,
    port: Cell<u16>,
}

impl Deployment {
    /// Writes the settings and makes the schema in a keyspace of its own.
    pub(super) fn new(settings: &DeploymentSettings) -> anyhow::Result<Self> {
        ensure!(
            settings.longwave.exists(),
            "{} is not there; build it: cargo build --release -p longwave",
            settings.longwave.display()
        );
        fs::create_dir_all(&settings.work_dir)?;
        let directory = tempfile::tempdir_in(fs::canonicalize(&settings.work_dir)?)?;
        let keyspace = format!("{}_{}", settings.name, std::process::id());
        let secret = directory.path().join("secret");
        fs::write(&secret, "cluster-figures-on-loopback\n")?;
        fs::write(
            directory.path().join("longwave.toml"),
            format!(
                "[cassandra]\ncontact_points = \"{}\"\nkeyspace = \"{keyspace}\"\nreplication_factor = {}\nshards = {}\n\
                 [redis]\naddresses = \"{}\"\nprefix = \"{keyspace}\"\n[link]\nsecret_file = \"{}\"\n\
                 [log]\nlevel = \"info,scylla=warn\"\n",
                settings.cassandra,
                settings.replication_factor,
                settings.shards,
                settings.redis,
                secret.display()
            ),
        )?;
        let port = Cell::new(settings.port);
        let deployment = Self { settings: settings.clone(), keyspace, directory, port };
        let made = Command::new(&settings.longwave).arg("schema").args(deployment.config()).output()?;
        ensure!(made.status.success(), "longwave schema: {}", String::from_utf8_lossy(&made.stderr));
        Ok(deployment)
    }

    /// Starts a process and waits until it is ready for clients (a bridge: until it runs).
    pub(super) fn start(&self, role: Role, name: &str) -> anyhow::Result<Node> {
        let first = self.port.replace(self.port.get() + 4);
        let at = |offset| SocketAddr::from((Ipv4Addr::LOCALHOST, first + offset));
        let mut command = Command::new(&self.settings.longwave);
        command.arg(match role {
            Role::Serve | Role::Embedded => "serve",
            Role::Broker => "broker",
            Role::Bridge => "bridge",
        });
        if role != Role::Embedded {
            command.args(self.config());
        }
        let mut set = |key: &str, value: &str| {
            command.arg("--set").arg(format!("{key}={value}"));
        };
        set("listen.mqtt", &at(0).to_string());
        set("listen.websocket", &at(1).to_string());
        set("listen.admin", &at(2).to_string());
        set("link.listen", &at(3).to_string());
        set("node.id", name);
        for pair in &self.settings.set {
            command.args(["--set", pair]);
        }
        let directory = self.directory.path().join(name);
        fs::create_dir_all(&directory)?;
        command.arg("--dev").arg("--data-dir").arg(directory.join("data"));
        let node = Node::spawn(command, name, at(0), at(2), &directory.join("log"))?;
        // A bridge without a broker and a broker without a bridge are never ready; whoever starts both waits for the brokers.
        node.wait(if matches!(role, Role::Serve | Role::Embedded) { "/readyz" } else { "/livez" })?;
        Ok(node)
    }

    /// Brokers and bridges that have found each other.
    pub(super) fn start_roles(&self, brokers: usize, bridges: usize) -> anyhow::Result<(Vec<Node>, Vec<Node>)> {
        let start = |role, stem: &str, count: usize| -> anyhow::Result<Vec<Node>> {
            (1..=count).map(|n| self.start(role, &format!("{stem}-{n}"))).collect()
        };
        let bridges = start(Role::Bridge, "bridge", bridges)?;
        let brokers = start(Role::Broker, "broker", brokers)?;
        for node in brokers.iter().chain(&bridges) {
            node.wait("/readyz")?;
        }
        Ok((brokers, bridges))
    }

    /// The driver's own session.
    pub(super) async fn session(&self) -> anyhow::Result<Session> {
        let nodes = self.settings.cassandra.split(',').map(str::trim);
        SessionBuilder::new().known_nodes(nodes).build().await.context("connecting to Cassandra")
    }

    /// A keyspace beside it, for tables that are compared.
    pub(super) fn second_keyspace(&self) -> String {
        format!("{}_views", self.keyspace)
    }

    /// Drops the keyspaces.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let session = self.session().await?;
            for keyspace in [&self.keyspace, &self.second_keyspace()] {
                session.query_unpaged(format!("DROP KEYSPACE IF EXISTS {keyspace}"), ()).await?;
            }
            Ok(())
        })
    }

    fn config(&self) -> [PathBuf; 2] {
        [PathBuf::from("--config"), self.directory.path().join("longwave.toml")]
    }
}
