//! From Alice's send to Bob's device, at a low rate: in roles over two brokers, in one process on Cassandra, and on the embedded store.
//!
//! All three run at once and are asked in turn, so that a busy machine is equally unfair to them. Typing and a page of history are
//! asked for one at a time.

use std::fmt;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;

use super::deployment::{Deployment, DeploymentSettings, Role};
use super::devices::{Devices, What};
use super::line;
use crate::clock::Clock;
use crate::latency::{Latencies, LatencySummary, Schedule, Window};

/// The flags of `longwave-cluster-figures deliver`.
#[derive(Debug, Clone, Args)]
pub struct DeliverSettings {
    /// Where to measure.
    #[command(flatten)]
    pub deployment: DeploymentSettings,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Messages per second.
    #[arg(long, default_value_t = 50.0)]
    pub rate: f64,
    /// Seconds before each measured phase.
    #[arg(long, default_value_t = 2.0)]
    pub warm_up: f64,
    /// Seconds of each measured phase.
    #[arg(long, default_value_t = 10.0)]
    pub measure: f64,
    /// Typing signals and pages of history of each round.
    #[arg(long, default_value_t = 100)]
    pub asks: usize,
}

/// One way of running, one round.
#[derive(Debug, Clone, Serialize)]
pub struct Way {
    /// Which one.
    pub name: String,
    /// From send to PUBACK.
    pub ack: LatencySummary,
    /// From send to arrival.
    pub deliver: LatencySummary,
    /// The same of `typing` at QoS 0.
    pub typing: LatencySummary,
    /// `history.page` of the newest 50 messages, from asking to the response.
    pub history: LatencySummary,
}

/// All rounds.
#[derive(Debug, Serialize)]
pub struct DeliverReport {
    ways: Vec<Way>,
}

/// Runs all rounds.
///
/// # Errors
/// When an engine is not there, a process does not start, or a message does not arrive.
pub fn run(settings: &DeliverSettings, mut progress: impl FnMut(&str)) -> anyhow::Result<DeliverReport> {
    let deployment = Deployment::new(&settings.deployment)?;
    let embedded = deployment.start(Role::Embedded, "embedded")?;
    let mut ways = Vec::new();
    // `serve` takes all shards and would take them back from the bridges for ever, so one of the two runs at a time.
    for round in 1..=settings.rounds {
        let mut measure = |name: &str, alice, bob| -> anyhow::Result<()> {
            let way = Pair::connect(alice, bob)?.measure(name, settings)?;
            progress(&format!("round {round}: {way}"));
            ways.push(way);
            Ok(())
        };
        let (brokers, bridges) = deployment.start_roles(2, 2)?;
        measure("roles, two brokers", brokers[0].mqtt, brokers[1].mqtt)?;
        for node in brokers.into_iter().chain(bridges) {
            node.stop()?;
        }
        let serve = deployment.start(Role::Serve, "serve")?;
        measure("serve on Cassandra", serve.mqtt, serve.mqtt)?;
        serve.stop()?;
        measure("serve, embedded", embedded.mqtt, embedded.mqtt)?;
    }
    embedded.stop()?;
    deployment.finish()?;
    Ok(DeliverReport { ways })
}

struct Pair {
    devices: Devices,
    alice: usize,
    bob: usize,
}

impl Pair {
    fn connect(alice: SocketAddr, bob: SocketAddr) -> anyhow::Result<Self> {
        let mut devices = Devices::new(Clock::start())?;
        let bob = devices.connect(bob, "bob", &["u/bob/c/+/json"])?;
        let alice = devices.connect(alice, "alice", &["u/alice/rpc/json"])?;
        Ok(Self { devices, alice, bob })
    }

    fn measure(&mut self, name: &str, settings: &DeliverSettings) -> anyhow::Result<Way> {
        let (ack, deliver) = self.messages(settings)?;
        let typing = self.typing(settings.asks)?;
        let history = self.history(settings.asks)?;
        Ok(Way { name: name.to_owned(), ack, deliver, typing, history })
    }

    fn messages(&mut self, settings: &DeliverSettings) -> anyhow::Result<(LatencySummary, LatencySummary)> {
        let start_ns = self.devices.clock().now_ns();
        let schedule = Schedule::new(start_ns, settings.rate);
        let from_ns = start_ns + (settings.warm_up * 1e9) as u64;
        let window = Window { from_ns, to_ns: from_ns + (settings.measure * 1e9) as u64 };
        let (mut acks, mut delivered) = (Latencies::new(window), Latencies::new(window));
        let total = ((settings.warm_up + settings.measure) * settings.rate) as u64;
        let mut open = std::collections::HashMap::new();
        let (mut sent, mut acked, mut arrived) = (0, 0, 0);
        while acked < total || arrived < total {
            let now_ns = self.devices.clock().now_ns();
            if sent < total && schedule.due_ns(sent) <= now_ns {
                let body = format!("{{\"id\":\"{start_ns:x}-{sent:x}\",\"body\":\"{sent:016x}{}\"}}", ".".repeat(184));
                let (packet_id, _) = self.devices.publish(self.alice, "u/alice/c/@bob/json", true, body.as_bytes())?;
                open.insert(packet_id, schedule.due_ns(sent));
                sent += 1;
                continue;
            }
            let until_ns = if sent < total { schedule.due_ns(sent) } else { now_ns + 30_000_000_000 };
            let Some(event) = self.devices.next(until_ns)? else {
                if sent == total {
                    bail!("{} of {total} acknowledged, {arrived} delivered, and nothing more comes", acked);
                }
                continue;
            };
            match event.what {
                What::Ack(packet_id, 0) if event.who == self.alice => {
                    acked += 1;
                    acks.record(open.remove(&packet_id).context("a PUBACK for nothing")?, event.at_ns);
                }
                What::Publish { body, .. } if event.who == self.bob => {
                    if let Some(number) = number(&body) {
                        arrived += 1;
                        delivered.record(schedule.due_ns(number), event.at_ns);
                    }
                }
                What::Ack(_, code) => bail!("a publish was refused: {code:#04x}"),
                _ => {}
            }
        }
        Ok((acks.summary(), delivered.summary()))
    }

    fn typing(&mut self, count: usize) -> anyhow::Result<LatencySummary> {
        let mut latencies = Latencies::new(Window { from_ns: 0, to_ns: u64::MAX });
        for _ in 0..count {
            let (_, sent_ns) =
                self.devices.publish(self.alice, "u/alice/c/@bob/json", false, b"{\"type\":\"typing\"}")?;
            let bob = self.bob;
            let at_ns = self.devices.wait(|arrived| match &arrived.what {
                What::Publish { body, .. } if arrived.who == bob && contains(body, b"\"typing\"") => {
                    Some(arrived.at_ns)
                }
                _ => None,
            })?;
            latencies.record(sent_ns, at_ns);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Ok(latencies.summary())
    }

    fn history(&mut self, count: usize) -> anyhow::Result<LatencySummary> {
        let mut latencies = Latencies::new(Window { from_ns: 0, to_ns: u64::MAX });
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"history.page","params":{"conv":"@bob","limit":50}}"#;
        for _ in 0..count {
            let (response, asked_ns, at_ns) = self.devices.ask(self.alice, "alice", request)?;
            let events = response.matches("\"seq\"").count();
            anyhow::ensure!(events == 50, "a page of {events} messages instead of 50");
            latencies.record(asked_ns, at_ns);
        }
        Ok(latencies.summary())
    }
}

/// The running number that a message's body begins with; marks and typing have none.
fn number(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, after) = text.split_once("\"body\":\"")?;
    u64::from_str_radix(after.get(..16)?, 16).ok()
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("send→ack", &self.ack),
            ("send→deliver", &self.deliver),
            ("typing", &self.typing),
            ("history.page", &self.history),
        ];
        write!(f, "{}", self.name)?;
        rows.iter().try_for_each(|(name, latency)| write!(f, "\n    {name:<13} {}", line(latency)))
    }
}

impl fmt::Display for DeliverReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ways.iter().try_for_each(|way| writeln!(f, "{way}"))
    }
}
