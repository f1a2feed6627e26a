//! Through a server: devices that publish at QoS 1 with ids, and count a message when its receipt is there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use longwave_testkit::client::Client;
use longwave_testkit::http;
use longwave_testkit::server::{Server, ServerPlan};
use longwave_testkit::wire::Hello;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::CassandraSettings;
use super::plain::{histogram, micros, of};
use super::report::Figure;
use crate::wire::{Connect, Packet, PublishTemplate, Version, next_packet};

/// The server and what it is asked.
pub(super) struct Through {
    settings: CassandraSettings,
    server: Server,
    /// Messages so far: ids are never used twice.
    next: Arc<AtomicU64>,
    _directory: tempfile::TempDir,
}

impl Through {
    pub(super) async fn prepare(settings: &CassandraSettings) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut plan = ServerPlan::new(&settings.binary, directory.path())?;
        let set = [
            format!("cassandra.contact_points={}", settings.cassandra),
            format!("cassandra.keyspace=figures_{}", std::process::id()),
            "cassandra.replication_factor=1".to_owned(),
            format!("cassandra.shards={}", settings.shards),
            "log.level=warn".to_owned(),
        ];
        plan.arguments.extend(set.into_iter().flat_map(|setting| ["--set".to_owned(), setting]));
        let mut schema = std::process::Command::new(&plan.binary);
        let made = schema.arg("schema").arg("--data-dir").arg(&plan.data).args(&plan.arguments).output()?;
        ensure!(made.status.success(), "longwave schema: {}", String::from_utf8_lossy(&made.stderr));
        let server = Server::start(plan)?;
        let mqtt = server.plan().mqtt;
        let members: Vec<String> = (0..settings.senders).map(|number| format!("sender{number}")).collect();
        tokio::task::spawn_blocking(move || {
            let mut owner = Client::connect(mqtt, &Hello::live_only("sender0", "creator"))?;
            let params = serde_json::json!({ "conv": "hot", "members": members });
            owner.subscribe("u/sender0/rpc/json", 1)?;
            owner.request("conversation.create", &params)?;
            anyhow::Ok(())
        })
        .await??;
        let next = Arc::new(AtomicU64::new(0));
        Ok(Self { settings: settings.clone(), server, next, _directory: directory })
    }

    /// Spread over direct conversations: each sender has as many peers as it takes.
    pub(super) async fn direct(&mut self, duration: Duration) -> anyhow::Result<Figure> {
        let peers = self.settings.conversations.div_ceil(self.settings.senders).max(1);
        self.measure(duration, move |sender| {
            (0..peers).map(|peer| format!("u/sender{sender}/c/@peer{sender}-{peer}/json")).collect()
        })
        .await
    }

    /// Into one group.
    pub(super) async fn group(&mut self, duration: Duration) -> anyhow::Result<Figure> {
        self.measure(duration, |sender| vec![format!("u/sender{sender}/c/hot/json")]).await
    }

    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        self.server.stop()
    }

    async fn measure(&mut self, duration: Duration, topics: impl Fn(usize) -> Vec<String>) -> anyhow::Result<Figure> {
        let before = self.appends()?;
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for sender in 0..self.settings.senders {
            let load = Load {
                server: self.server.plan().mqtt,
                sender,
                window: self.settings.window,
                next: self.next.clone(),
                until: started + duration,
            };
            tasks.spawn(load.run(templates(&topics(sender), self.settings.body)));
        }
        let mut all = histogram()?;
        while let Some(times) = tasks.join_next().await {
            all.add(times??)?;
        }
        // What was acknowledged has to be readable too, or the next measurement would pay for this one.
        while self.number("longwave_views_behind ")? > 0.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let elapsed = started.elapsed();
        let after = self.appends()?;
        Ok(of(&all, elapsed, (after.0 - before.0) / (after.1 - before.1).max(1.0)))
    }

    /// Entries and appends so far.
    fn appends(&self) -> anyhow::Result<(f64, f64)> {
        Ok((self.number("longwave_entries_total ")?, self.number("longwave_appends_total ")?))
    }

    fn number(&self, name: &str) -> anyhow::Result<f64> {
        let (_, text) = http::get(self.server.plan().admin, "/metrics")?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        line.with_context(|| format!("no {name} in /metrics"))
    }
}

/// The length of an id in a payload.
const ID: usize = 16;

fn templates(topics: &[String], body: usize) -> Vec<PublishTemplate> {
    let payload = format!("{{\"id\":\"{}\",\"body\":\"{}\"}}", "0".repeat(ID), "x".repeat(body));
    topics.iter().map(|topic| PublishTemplate::new(Version::V5, topic, payload.as_bytes())).collect()
}

/// One sender.
struct Load {
    server: SocketAddr,
    sender: usize,
    window: usize,
    next: Arc<AtomicU64>,
    until: Instant,
}

impl Load {
    async fn run(self, templates: Vec<PublishTemplate>) -> anyhow::Result<hdrhistogram::Histogram<u64>> {
        let mut stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        let mut out = Vec::new();
        let user = format!("sender{}", self.sender);
        Connect {
            version: Version::V5,
            client_id: "load",
            username: Some(&user),
            password: None,
            clean: true,
            expiry: 0,
            keep_alive: 60,
            receive_maximum: None,
        }
        .write(&mut out);
        stream.write_all(&out).await?;
        out.clear();
        let mut times = histogram()?;
        let mut sent: Vec<Option<Instant>> = vec![None; self.window];
        let (mut open, mut turn) = (0, 0);
        let mut unread: Vec<u8> = Vec::new();
        let mut is_connected = false;
        let mut chunk = vec![0; 16 * 1024];
        loop {
            if is_connected && Instant::now() < self.until {
                for (slot, free) in (1..).zip(&mut sent).filter(|(_, at)| at.is_none()) {
                    let id = self.next.fetch_add(1, Relaxed);
                    let head = format!("{{\"id\":\"{id:0>width$}", width = ID);
                    templates[turn % templates.len()].write(&mut out, slot, head.as_bytes());
                    turn += 1;
                    open += 1;
                    *free = Some(Instant::now());
                }
                stream.write_all(&out).await?;
                out.clear();
            } else if is_connected && open == 0 {
                return Ok(times);
            }
            let count = stream.read(&mut chunk).await?;
            ensure!(count > 0, "the server closed the connection of {user}");
            unread.extend_from_slice(&chunk[..count]);
            let mut read = 0;
            while let Some((packet, length)) = next_packet(Version::V5, &unread[read..])? {
                match packet {
                    Packet::ConnAck(_) => is_connected = true,
                    Packet::PubAck(packet_id, reason) => {
                        ensure!(reason < 0x80, "a message of {user} was refused: {reason:#x}");
                        let slot = sent.get_mut(usize::from(packet_id) - 1).context("an unknown packet id")?;
                        let at = slot.take().context("acknowledged twice")?;
                        times.record(micros(at))?;
                        open -= 1;
                    }
                    other => bail!("{user} got {other:?}"),
                }
                read += length;
            }
            unread.drain(..read);
        }
    }
}
