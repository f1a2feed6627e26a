//! How long a watcher on another broker believes that somebody is online who is not: after a closed connection, after a broker's death.

use std::fmt;

use clap::Args;
use serde::Serialize;

use super::deployment::{Deployment, DeploymentSettings, Role};
use super::devices::{Devices, What};
use crate::clock::Clock;

/// The flags of `longwave-cluster-figures presence`.
#[derive(Debug, Clone, Args)]
pub struct PresenceSettings {
    /// Where to measure.
    #[command(flatten)]
    pub deployment: DeploymentSettings,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
}

/// Seconds until the watcher was told, per round.
#[derive(Debug, Serialize)]
pub struct PresenceReport {
    online: Vec<f64>,
    closed: Vec<f64>,
    killed: Vec<f64>,
}

/// Runs all rounds.
///
/// # Errors
/// When an engine is not there, a process does not start, or the watcher is never told.
pub fn run(settings: &PresenceSettings, mut progress: impl FnMut(&str)) -> anyhow::Result<PresenceReport> {
    let deployment = Deployment::new(&settings.deployment)?;
    let (mut brokers, bridges) = deployment.start_roles(2, 1)?;
    let mut report = PresenceReport { online: Vec::new(), closed: Vec::new(), killed: Vec::new() };
    for round in 1..=settings.rounds {
        let user = format!("bob{round}");
        let mut watch = Watch::start(&brokers[0], &user)?;
        // A process that is about to die, at changing moments of its heartbeat.
        let Some(dying) = brokers.pop() else { break };
        let (bob, online) = watch.connect(&dying, &user)?;
        report.online.push(online);
        watch.devices.drop_connection(bob);
        report.closed.push(watch.told("offline")?);
        watch.connect(&dying, &user)?;
        std::thread::sleep(std::time::Duration::from_secs(5 * round as u64));
        watch.start_ns = watch.devices.clock().now_ns();
        dying.kill()?;
        report.killed.push(watch.told("offline")?);
        progress(&format!("round {round}: {report}"));
        let broker = deployment.start(Role::Broker, &format!("broker-{}", round + 2))?;
        broker.wait("/readyz")?;
        brokers.push(broker);
    }
    for node in brokers.into_iter().chain(bridges) {
        node.stop()?;
    }
    deployment.finish()?;
    Ok(report)
}

/// Alice, who watches somebody.
struct Watch {
    devices: Devices,
    alice: usize,
    start_ns: u64,
}

impl Watch {
    fn start(broker: &super::node::Node, user: &str) -> anyhow::Result<Self> {
        let mut devices = Devices::new(Clock::start())?;
        let alice = devices.connect(broker.mqtt, "alice", &[&format!("u/alice/presence/{user}")])?;
        // They must share a conversation.
        let (packet_id, _) =
            devices.publish(alice, &format!("u/alice/c/@{user}/json"), true, b"{\"body\":\"hello\"}")?;
        devices.wait(|arrived| (arrived.what == What::Ack(packet_id, 0)).then_some(()))?;
        Ok(Self { devices, alice, start_ns: 0 })
    }

    /// Connects the other and returns its index and the seconds until Alice was told.
    fn connect(&mut self, broker: &super::node::Node, user: &str) -> anyhow::Result<(usize, f64)> {
        self.start_ns = self.devices.clock().now_ns();
        // Subscribed to nothing that could arrive.
        let bob = self.devices.connect(broker.mqtt, user, &[&format!("u/{user}/c/nothing/json")])?;
        Ok((bob, self.told("online")?))
    }

    fn told(&mut self, state: &str) -> anyhow::Result<f64> {
        let alice = self.alice;
        let until_ns = self.devices.clock().now_ns() + 120_000_000_000;
        while let Some(arrived) = self.devices.next_of(alice, until_ns)? {
            if matches!(&arrived.what, What::Publish { body, .. } if body.starts_with(state.as_bytes())) {
                let seconds = (arrived.at_ns - self.start_ns) as f64 / 1e9;
                self.start_ns = self.devices.clock().now_ns();
                return Ok(seconds);
            }
        }
        anyhow::bail!("nobody told of {state} within 120 s")
    }
}

impl fmt::Display for PresenceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |seconds: &[f64]| seconds.iter().map(|one| format!("{one:.1}")).collect::<Vec<_>>().join(" ");
        write!(
            f,
            "seconds until told: online {} | connection closed {} | broker killed {}",
            list(&self.online),
            list(&self.closed),
            list(&self.killed)
        )
    }
}
