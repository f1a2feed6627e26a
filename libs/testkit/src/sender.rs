//! A sending client: rumqttc over MQTT 5, ids on every message, resending what is not acknowledged until it is.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAck, PubAckReason};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::sync::mpsc;

use crate::history::{Acknowledged, History};
use crate::receiver::pick;

/// What a sender does.
#[derive(Debug, Clone)]
pub struct SenderPlan {
    /// The user; its device is `sender`.
    pub user: String,
    /// The servers; each connection goes to another.
    pub servers: Vec<SocketAddr>,
    /// Conversations in turn: the topic level and the canonical id.
    pub conversations: Vec<(String, String)>,
    /// Messages unacknowledged at once.
    pub window: usize,
    /// Pause between two messages.
    pub pause: Duration,
}

#[derive(Debug, Clone)]
struct Message {
    conversation: usize,
    id: String,
}

/// Sends until `stop` is set, then until everything is acknowledged. Returns how many were.
///
/// # Errors
/// When the server refuses a message: none of these is to be refused.
pub async fn send(plan: SenderPlan, history: Arc<History>, stop: Arc<AtomicBool>) -> anyhow::Result<u64> {
    let mut sender =
        Running { plan, history, stop, unacknowledged: VecDeque::new(), next: 0, acknowledged: 0, connections: 0 };
    while !sender.is_done() {
        sender.connection().await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(sender.acknowledged)
}

struct Running {
    plan: SenderPlan,
    history: Arc<History>,
    stop: Arc<AtomicBool>,
    unacknowledged: VecDeque<Message>,
    next: u64,
    acknowledged: u64,
    connections: u64,
}

impl Running {
    fn is_done(&self) -> bool {
        self.stop.load(Ordering::Relaxed) && self.unacknowledged.is_empty()
    }

    /// Runs one connection until it breaks or all is done.
    async fn connection(&mut self) -> anyhow::Result<()> {
        self.connections += 1;
        self.history.connects();
        let server = pick(&self.plan.servers, self.connections);
        let mut options = MqttOptions::new("sender", server.ip().to_string(), server.port());
        options.set_credentials(&self.plan.user, "").set_clean_start(true).set_keep_alive(Duration::from_secs(30));
        let (client, mut events) = AsyncClient::new(options, self.plan.window + 10);
        let (forward, mut incoming) = mpsc::channel(64);
        let driver = tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                if forward.send(event).await.is_err() {
                    return;
                }
            }
        });
        // Messages handed to the client whose packet id is not yet known, then those whose id is.
        let mut unnamed: VecDeque<String> = VecDeque::new();
        let mut named: HashMap<u16, String> = HashMap::new();
        let mut pace = tokio::time::interval(self.plan.pause);
        let mut connected = false;
        let ended = loop {
            if self.is_done() {
                break Ok(());
            }
            tokio::select! {
                event = incoming.recv() => match event {
                    None => break Ok(()),
                    Some(Event::Incoming(Packet::ConnAck(_))) => {
                        connected = true;
                        for message in &self.unacknowledged {
                            self.publish(&client, message);
                            unnamed.push_back(message.id.clone());
                        }
                    }
                    Some(Event::Outgoing(Outgoing::Publish(packet_id))) => {
                        let id = unnamed.pop_front().context("a publish of nobody")?;
                        named.insert(packet_id, id);
                    }
                    Some(Event::Incoming(Packet::PubAck(ack))) => {
                        let id = named.remove(&ack.pkid).context("an acknowledgement of nothing")?;
                        if let Err(error) = self.acknowledge(&id, &ack) {
                            break Err(error);
                        }
                    }
                    Some(_) => {}
                },
                _ = pace.tick(), if connected && self.may_send() => {
                    let message = self.new_message();
                    self.publish(&client, &message);
                    unnamed.push_back(message.id.clone());
                    self.unacknowledged.push_back(message);
                }
            }
        };
        driver.abort();
        ended
    }

    fn may_send(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && self.unacknowledged.len() < self.plan.window
    }

    fn new_message(&mut self) -> Message {
        self.next += 1;
        #[expect(clippy::cast_possible_truncation, reason = "a run sends fewer than 2^32 messages")]
        let conversation = self.next as usize % self.plan.conversations.len();
        let message = Message { conversation, id: format!("{}-{}", self.plan.user, self.next) };
        let key = (self.plan.user.clone(), self.plan.conversations[conversation].1.clone());
        self.history.write(|record| record.sent.entry(key).or_default().push(message.id.clone()));
        message
    }

    /// Hands a message to the client. When its connection has just broken, the message goes out over the next one.
    fn publish(&self, client: &AsyncClient, message: &Message) {
        let (level, _) = &self.plan.conversations[message.conversation];
        let topic = format!("u/{}/c/{level}/json", self.plan.user);
        let payload = serde_json::json!({ "id": message.id, "body": message.id }).to_string();
        let _ = client.try_publish(topic, QoS::AtLeastOnce, false, payload);
    }

    fn acknowledge(&mut self, id: &str, ack: &PubAck) -> anyhow::Result<()> {
        if ack.reason != PubAckReason::Success && ack.reason != PubAckReason::NoMatchingSubscribers {
            bail!("{id} of {} was refused: {ack:?}", self.plan.user);
        }
        let properties = ack.properties.as_ref().context("a receipt without properties")?;
        let seq = properties.user_properties.iter().find(|(name, _)| name == "seq");
        let seq = seq.context("a receipt without seq")?.1.parse()?;
        let at = self.unacknowledged.iter().position(|message| message.id == id).context("acknowledged twice")?;
        let Some(message) = self.unacknowledged.remove(at) else { return Ok(()) };
        self.acknowledged += 1;
        let conversation = self.plan.conversations[message.conversation].1.clone();
        let sender = self.plan.user.clone();
        self.history.write(|record| {
            record.acknowledged.push(Acknowledged { conversation, sender, id: message.id, seq });
        });
        Ok(())
    }
}
