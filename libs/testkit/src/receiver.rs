//! A receiving device: a durable MQTT 5 session of rumqttc that records every event with a seq, and goes away now and then.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};

use crate::history::{Delivered, Device, History};

/// What a receiver does.
#[derive(Debug, Clone)]
pub struct ReceiverPlan {
    /// User and client id.
    pub device: Device,
    /// The servers; each connection goes to another.
    pub servers: Vec<SocketAddr>,
    /// Receive Maximum it asks for.
    pub window: u16,
    /// Goes away at random, when set.
    pub restless: bool,
    /// Of its random choices.
    pub seed: u64,
}

/// Makes the device's session known to the server: connects, subscribes, and leaves.
///
/// # Errors
/// When the server does not grant the subscription.
pub async fn introduce(plan: &ReceiverPlan) -> anyhow::Result<()> {
    let (client, mut events) = AsyncClient::new(options(plan, 0), 10);
    client.subscribe(filter(plan), QoS::AtLeastOnce).await?;
    loop {
        if let Event::Incoming(Packet::SubAck(ack)) = events.poll().await? {
            ensure!(
                format!("{:?}", ack.return_codes).contains("Success"),
                "{:?} was not granted its subscription: {ack:?}",
                plan.device
            );
            break;
        }
    }
    client.disconnect().await?;
    while events.poll().await.is_ok() {}
    Ok(())
}

/// Receives until `stop` is set.
///
/// # Errors
/// When an event is not what the contract says.
pub async fn receive(plan: ReceiverPlan, history: Arc<History>, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    history.write(|record| {
        record.delivered.entry(plan.device.clone()).or_default();
    });
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut connection = 0;
    while !stop.load(Ordering::Relaxed) {
        connection += 1;
        history.connects();
        let stay = if plan.restless { Duration::from_millis(random.random_range(50..3_000)) } else { Duration::MAX };
        let leave = tokio::time::sleep(stay.min(Duration::from_secs(86_400)));
        tokio::select! {
            result = connected(&plan, &history, connection) => result?,
            () = leave => {}
            () = until(&stop) => {}
        }
        let away = if plan.restless { random.random_range(0..1_000) } else { 20 };
        tokio::time::sleep(Duration::from_millis(away)).await;
    }
    Ok(())
}

/// One connection, until it breaks.
async fn connected(plan: &ReceiverPlan, history: &History, connection: u64) -> anyhow::Result<()> {
    let (_client, mut events) = AsyncClient::new(options(plan, connection), 10);
    while let Ok(event) = events.poll().await {
        if let Event::Incoming(Packet::Publish(publish)) = event
            && let Some(delivered) = read(plan, &publish, connection)?
        {
            history.write(|record| record.delivered.entry(plan.device.clone()).or_default().push(delivered));
        }
    }
    Ok(())
}

fn options(plan: &ReceiverPlan, connection: u64) -> MqttOptions {
    let server = pick(&plan.servers, plan.seed.wrapping_add(connection));
    let mut options = MqttOptions::new(&plan.device.1, server.ip().to_string(), server.port());
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(86_400);
    properties.receive_maximum = Some(plan.window);
    options
        .set_credentials(&plan.device.0, "")
        .set_clean_start(false)
        .set_keep_alive(Duration::from_secs(30))
        .set_connect_properties(properties);
    options
}

/// Servers in turn.
#[expect(clippy::cast_possible_truncation, reason = "a remainder of a short list's length")]
pub(crate) fn pick(servers: &[SocketAddr], turn: u64) -> SocketAddr {
    servers[(turn % servers.len() as u64) as usize]
}

fn filter(plan: &ReceiverPlan) -> String {
    format!("u/{}/c/+/json", plan.device.0)
}

fn read(plan: &ReceiverPlan, publish: &Publish, connection: u64) -> anyhow::Result<Option<Delivered>> {
    let event: serde_json::Value = serde_json::from_slice(&publish.payload).context("an event that is not JSON")?;
    if matches!(event["type"].as_str(), Some("mark" | "typing" | "receipt")) {
        return Ok(None);
    }
    let text = |name: &str| event[name].as_str().map(ToOwned::to_owned);
    let seq = event["seq"].as_u64().with_context(|| format!("an event without seq: {event}"))?;
    let conversation = text("conv").with_context(|| format!("an event without conv: {event}"))?;
    let id = text("id");
    if event["type"] == "message" {
        ensure!(id.as_deref() == event["body"].as_str(), "a body that is not its message's: {event}");
    }
    Ok(Some(Delivered {
        conversation: canonical(&conversation, &plan.device.0),
        seq,
        sender: text("from").unwrap_or_default(),
        id,
        connection,
    }))
}

/// `@bob` as alice sees it is `alice:bob`.
fn canonical(conversation: &str, user: &str) -> String {
    match conversation.strip_prefix('@') {
        None => conversation.to_owned(),
        Some(peer) if peer < user => format!("{peer}:{user}"),
        Some(peer) => format!("{user}:{peer}"),
    }
}

async fn until(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
