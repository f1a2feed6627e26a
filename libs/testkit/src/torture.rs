//! Clients under load while the server is killed at random moments; then the checker.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::task::JoinSet;

use crate::cassandra::CassandraNode;
use crate::history::{Breach, Conversation, History, check};
use crate::receiver::{ReceiverPlan, introduce, receive};
use crate::sender::{SenderPlan, send};
use crate::server::{Server, ServerPlan};

/// How long clients may take to come to rest without any progress.
const REST_LIMIT: Duration = Duration::from_secs(60);

/// How long senders may take to get their last acknowledgements.
const SEND_LIMIT: Duration = Duration::from_secs(180);

/// One run.
#[derive(Debug, Clone)]
pub struct Run {
    /// The built binary.
    pub binary: PathBuf,
    /// Kills of the server.
    pub kills: u32,
    /// Of all random choices.
    pub seed: u64,
    /// Users, each with one sender and two devices.
    pub users: usize,
    /// A planted fault, for a binary built with the feature `fault-injection`.
    pub fault: Option<String>,
    /// The store is on Cassandra, in a keyspace made for the run; Cassandra itself is disturbed too.
    pub cassandra: Option<CassandraNode>,
}

/// What a run showed.
#[derive(Debug)]
pub struct Verdict {
    /// Messages acknowledged.
    pub acknowledged: usize,
    /// Deliveries recorded.
    pub delivered: usize,
    /// Broken promises.
    pub breaches: Vec<Breach>,
    /// What `longwave audit` said, when it found something.
    pub audit: Option<String>,
}

/// Runs clients and kills, waits until they rest, and checks.
///
/// # Errors
/// When the run itself could not be done: the server did not start, or refused what it must not refuse.
pub async fn run(run: &Run) -> anyhow::Result<Verdict> {
    let directory = tempfile::tempdir()?;
    let mut plan = ServerPlan::new(&run.binary, directory.path())?;
    plan.environment.extend(run.fault.iter().map(|fault| ("LONGWAVE_FAULT".to_owned(), fault.clone())));
    if let Some(node) = &run.cassandra {
        node.prepare(&mut plan, run.seed)?;
    }
    let mut server = Server::start(plan.clone())?;
    let history = Arc::new(History::default());
    let users: Vec<String> = (0..run.users).map(|number| format!("user{number}")).collect();
    let servers = [server.plan().mqtt];
    let groups = prepare(&servers, &users, &history).await?;

    let mut random = StdRng::seed_from_u64(run.seed);
    let clients = Clients::start(&servers, &users, &groups, &history, Some(run.seed), Duration::from_millis(2));

    for _ in 0..run.kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(100..1_500))).await;
        if let Some(node) = &run.cassandra
            && node.disturb(&mut random).await?
        {
            continue;
        }
        server.kill()?;
        if run.fault.as_deref() == Some("ack-before-fsync") {
            cut_unsynced_tail(&plan.data)?;
        }
        server.restart()?;
    }

    clients.finish(&history).await?;
    server.stop()?;
    let audit = audit_with(&plan.binary, &plan.data, &plan.arguments)?;
    let (acknowledged, delivered) = history.size();
    Ok(Verdict { acknowledged, delivered, breaches: history.write(|record| check(record)), audit })
}

/// Senders and receivers.
pub(crate) struct Clients {
    senders: JoinSet<anyhow::Result<u64>>,
    receivers: JoinSet<anyhow::Result<()>>,
    senders_stop: Arc<AtomicBool>,
    receivers_stop: Arc<AtomicBool>,
}

impl Clients {
    /// Starts a sender and two receivers for each user. Without a seed receivers stay connected.
    pub(crate) fn start(
        servers: &[SocketAddr],
        users: &[String],
        groups: &[String],
        history: &Arc<History>,
        seed: Option<u64>,
        pause: Duration,
    ) -> Self {
        let (senders_stop, receivers_stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut receivers = JoinSet::new();
        for plan in receiver_plans(servers, users, seed.unwrap_or(0)) {
            let plan = ReceiverPlan { restless: plan.restless && seed.is_some(), ..plan };
            receivers.spawn(receive(plan, history.clone(), receivers_stop.clone()));
        }
        let mut senders = JoinSet::new();
        for plan in sender_plans(servers, users, groups, pause) {
            senders.spawn(send(plan, history.clone(), senders_stop.clone()));
        }
        Self { senders, receivers, senders_stop, receivers_stop }
    }

    /// Lets senders get their last acknowledgements and receivers everything they are owed.
    pub(crate) async fn finish(mut self, history: &History) -> anyhow::Result<()> {
        self.senders_stop.store(true, Ordering::Relaxed);
        let all_acknowledged = async {
            while let Some(sender) = self.senders.join_next().await {
                sender??;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(SEND_LIMIT, all_acknowledged).await.context("senders wait for acknowledgements")??;
        rest(history).await;
        self.receivers_stop.store(true, Ordering::Relaxed);
        while let Some(receiver) = self.receivers.join_next().await {
            receiver??;
        }
        Ok(())
    }
}

/// Sessions of all devices, and two groups.
pub(crate) async fn prepare(
    servers: &[SocketAddr],
    users: &[String],
    history: &History,
) -> anyhow::Result<Vec<String>> {
    for plan in receiver_plans(servers, users, 0) {
        introduce(&plan).await.with_context(|| format!("{:?}", plan.device))?;
    }
    let groups = vec!["everyone".to_owned(), "half".to_owned()];
    for (group, members) in groups.iter().zip([users, &users[..users.len().div_ceil(2)]]) {
        create_group(servers[0], group, members).await?;
        let conversation = Conversation { members: members.to_vec(), first_seq: 1 };
        history.write(|record| record.conversations.insert(group.clone(), conversation));
    }
    for (one, user) in users.iter().enumerate() {
        for other in &users[one + 1..] {
            let conversation = Conversation { members: vec![user.clone(), other.clone()], first_seq: 2 };
            history.write(|record| record.conversations.insert(direct(user, other), conversation));
        }
    }
    Ok(groups)
}

async fn create_group(address: SocketAddr, name: &str, members: &[String]) -> anyhow::Result<()> {
    let mut options = MqttOptions::new("creator", address.ip().to_string(), address.port());
    options.set_credentials(&members[0], "").set_clean_start(true);
    let (client, mut events) = AsyncClient::new(options, 10);
    let topic = format!("u/{}/rpc/json", members[0]);
    client.subscribe(&topic, QoS::AtMostOnce).await?;
    let request = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "conversation.create",
        "params": { "kind": "group", "conv": name, "members": members },
    });
    client.publish(&topic, QoS::AtLeastOnce, false, request.to_string()).await?;
    loop {
        if let Event::Incoming(Packet::Publish(publish)) = events.poll().await? {
            let response: serde_json::Value = serde_json::from_slice(&publish.payload)?;
            ensure!(response.get("result").is_some(), "conversation.create: {response}");
            client.disconnect().await?;
            while events.poll().await.is_ok() {}
            return Ok(());
        }
    }
}

fn receiver_plans(servers: &[SocketAddr], users: &[String], seed: u64) -> Vec<ReceiverPlan> {
    let devices = users.iter().flat_map(|user| [(user, "phone", true), (user, "desk", false)]);
    devices
        .zip(0_u64..)
        .map(|((user, device, restless), number)| ReceiverPlan {
            device: (user.clone(), device.to_owned()),
            servers: servers.to_vec(),
            window: if restless { 5 } else { 100 },
            restless,
            seed: seed.wrapping_mul(1_000).wrapping_add(number),
        })
        .collect()
}

fn sender_plans(servers: &[SocketAddr], users: &[String], groups: &[String], pause: Duration) -> Vec<SenderPlan> {
    let plan = |(number, user): (usize, &String)| {
        let peers = users.iter().filter(|other| *other != user);
        let mut conversations: Vec<_> = peers.map(|other| (format!("@{other}"), direct(user, other))).collect();
        let member_of = if number < users.len().div_ceil(2) { groups } else { &groups[..1] };
        conversations.extend(member_of.iter().map(|group| (group.clone(), group.clone())));
        SenderPlan { user: user.clone(), servers: servers.to_vec(), conversations, window: 20, pause }
    };
    users.iter().enumerate().map(plan).collect()
}

fn direct(one: &str, other: &str) -> String {
    if one < other { format!("{one}:{other}") } else { format!("{other}:{one}") }
}

/// Waits until every device has everything, or nothing has moved for a long time.
async fn rest(history: &History) {
    let (mut size, mut moved) = (history.size(), Instant::now());
    while !history.is_settled() && moved.elapsed() < REST_LIMIT {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = history.size();
        if now != size {
            (size, moved) = (now, Instant::now());
        }
    }
    // Whatever is sent twice or too much has a moment to arrive.
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// Has the store checked; what was found.
pub(crate) fn audit_with(binary: &Path, data: &Path, arguments: &[String]) -> anyhow::Result<Option<String>> {
    let mut audit = std::process::Command::new(binary);
    let output = audit.arg("audit").arg("--data-dir").arg(data).args(arguments).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then_some(text))
}

/// What a power cut would do to a server that acknowledges before its data is on the disk: the store's faulty build says how far its
/// log was synced, and everything written later is cut off.
fn cut_unsynced_tail(data: &Path) -> anyhow::Result<()> {
    let store = data.join("store");
    let note = store.join("synced-length");
    let text = std::fs::read_to_string(&note).with_context(|| format!("{}", note.display()))?;
    let (log, length) = text.trim().split_once(' ').context("synced-length is not `FILE LENGTH`")?;
    let number = |name: &str| name.strip_suffix(".jnl").and_then(|number| number.parse::<u64>().ok());
    let last = number(log).context("synced-length names no log")?;
    let tables = store.join("tables");
    for entry in std::fs::read_dir(&tables)? {
        let entry = entry?;
        let found = entry.file_name().to_str().and_then(number);
        if found.is_some_and(|found| found > last) {
            std::fs::remove_file(entry.path())?;
        }
    }
    std::fs::File::options().write(true).open(tables.join(log))?.set_len(length.parse()?)?;
    // The count of commits is not synced either.
    match std::fs::remove_file(store.join("commits")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
