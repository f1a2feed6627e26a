//! Every process restarted one after another, in an orderly way, under load: bridges without a client noticing, brokers with their clients
//! told to go elsewhere at a set rate.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::engines::Engines;
use super::run::Cluster;
use crate::history::{Breach, History, check};
use crate::receiver::pick;
use crate::server::Role;
use crate::torture::{Clients, prepare};

/// Connections that a broker closes in a second when it drains.
const DRAIN_PER_SECOND: u64 = 50;

/// One run.
#[derive(Debug, Clone)]
pub struct RollingRun {
    /// The built binary.
    pub binary: PathBuf,
    /// The engines below.
    pub engines: Engines,
    /// Of all random choices.
    pub seed: u64,
    /// Users that send and receive.
    pub users: usize,
    /// Devices that are only connected.
    pub idle: usize,
}

/// What a run showed.
#[derive(Debug)]
pub struct RollingVerdict {
    /// Connections that ended while bridges were restarted.
    pub closed_by_bridges: u64,
    /// Idle devices.
    pub idle: usize,
    /// Idle devices that were told to go while brokers were restarted.
    pub moved: usize,
    /// The most that were told in any one second.
    pub burst: usize,
    /// The set rate.
    pub rate: u64,
    /// The longest that a device was without a connection.
    pub longest_away: Duration,
    /// Messages acknowledged.
    pub acknowledged: usize,
    /// Deliveries recorded.
    pub delivered: usize,
    /// Broken promises.
    pub breaches: Vec<Breach>,
    /// What `longwave audit` said, when it found something.
    pub audit: Option<String>,
}

/// When idle devices lost their connections, and for how long.
#[derive(Default)]
struct Moves(std::sync::Mutex<Vec<(Instant, Duration)>>);

impl Moves {
    #[expect(clippy::unwrap_used, reason = "a poisoned record means that the run has failed")]
    fn all(&self) -> Vec<(Instant, Duration)> {
        self.0.lock().unwrap().clone()
    }

    #[expect(clippy::unwrap_used, reason = "a poisoned record means that the run has failed")]
    fn add(&self, at: Instant, away: Duration) {
        self.0.lock().unwrap().push((at, away));
    }
}

/// Restarts bridges, then brokers.
///
/// # Errors
/// When the run itself could not be done.
pub async fn rolling(run: &RollingRun) -> anyhow::Result<RollingVerdict> {
    let settings = [format!("limits.drain_per_second={DRAIN_PER_SECOND}")];
    let mut cluster = Cluster::start_with(&run.binary, &run.engines, run.seed, &settings, None).await?;
    let history = Arc::new(History::default());
    let brokers = cluster.brokers();
    let users: Vec<String> = (0..run.users).map(|number| format!("user{number}")).collect();
    let groups = prepare(&brokers, &users, &history).await?;
    let clients = Clients::start(&brokers, &users, &groups, &history, None, Duration::from_millis(20));

    let (moves, connected) = (Arc::new(Moves::default()), Arc::new(AtomicU64::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let mut idle = JoinSet::new();
    for number in 0..run.idle {
        idle.spawn(stay(number as u64, brokers.clone(), moves.clone(), connected.clone(), stop.clone()));
    }
    while connected.load(Ordering::Relaxed) < run.idle as u64 {
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(1)).await;

    let before = history.connections();
    restart_all(&mut cluster, Role::Bridge).await?;
    let closed_by_bridges = history.connections() - before + moves.all().len() as u64;
    restart_all(&mut cluster, Role::Broker).await?;
    sleep(Duration::from_secs(2)).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(device) = idle.join_next().await {
        device??;
    }
    if let Err(error) = clients.finish(&history).await {
        return Err(error.context(cluster.logs()));
    }
    let moved = moves.all();
    let (acknowledged, delivered) = history.size();
    let breaches = history.write(|record| check(record));
    let audit = cluster.stop()?;
    Ok(RollingVerdict {
        closed_by_bridges,
        idle: run.idle,
        moved: moved.len(),
        burst: burst(&moved),
        rate: DRAIN_PER_SECOND,
        longest_away: moved.iter().map(|(_, away)| *away).max().unwrap_or_default(),
        acknowledged,
        delivered,
        breaches,
        audit,
    })
}

async fn restart_all(cluster: &mut Cluster, role: Role) -> anyhow::Result<()> {
    for node in cluster.nodes.iter_mut().filter(|node| node.server.plan().role == role) {
        node.server.ask_to_stop()?;
        while !node.server.has_ended()? {
            sleep(Duration::from_millis(20)).await;
        }
        node.restart().await?;
        while !matches!(crate::http::get(node.server.plan().admin, "/readyz"), Ok((200, _))) {
            sleep(Duration::from_millis(50)).await;
        }
        // Time for the others to find it.
        sleep(Duration::from_secs(3)).await;
    }
    Ok(())
}

/// The most moves within one second.
fn burst(moves: &[(Instant, Duration)]) -> usize {
    let within = |start: &Instant| {
        moves.iter().filter(|(at, _)| at >= start && at.duration_since(*start) < Duration::from_secs(1)).count()
    };
    moves.iter().map(|(start, _)| within(start)).max().unwrap_or(0)
}

async fn over(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(200)).await;
    }
}

/// A device that stays connected, to whichever broker has it.
async fn stay(
    number: u64,
    brokers: Vec<std::net::SocketAddr>,
    moves: Arc<Moves>,
    connected: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mut lost: Option<Instant> = None;
    let mut turn = number;
    while !stop.load(Ordering::Relaxed) {
        let broker = pick(&brokers, turn);
        let mut options = MqttOptions::new("idle", broker.ip().to_string(), broker.port());
        options.set_credentials(format!("idle{number}"), "").set_clean_start(false);
        options.set_session_expiry_interval(Some(3_600)).set_keep_alive(Duration::from_secs(30));
        let (client, mut events) = AsyncClient::new(options, 10);
        let mut is_connected = false;
        loop {
            // Given up only at the end: a connection that is being made would start anew.
            let event = tokio::select! {
                event = events.poll() => event,
                () = over(&stop) => return Ok(()),
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    is_connected = true;
                    client.subscribe(format!("u/idle{number}/c/+/json"), QoS::AtLeastOnce).await?;
                    connected.fetch_add(1, Ordering::Relaxed);
                    if let Some(at) = lost.take() {
                        moves.add(at, at.elapsed());
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        if is_connected {
            lost = Some(Instant::now());
        }
        turn += 1;
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

impl RollingVerdict {
    /// Whether every promise held.
    ///
    /// # Errors
    /// The first that did not.
    pub fn judge(&self) -> anyhow::Result<()> {
        ensure!(self.breaches.is_empty(), "broken promises: {}", self.breaches[0]);
        ensure!(self.audit.is_none(), "the audit: {:?}", self.audit);
        ensure!(self.closed_by_bridges == 0, "{} connections ended when bridges restarted", self.closed_by_bridges);
        ensure!(
            self.moved >= self.idle,
            "only {} of {} devices were moved when brokers restarted",
            self.moved,
            self.idle
        );
        Ok(())
    }
}
