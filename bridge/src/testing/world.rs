//! A bridge with its store and bus, and devices that publish through the gate and wait for answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{DeviceId, Entry, ErrorCode, Refusal, UserId};
use longwave_persistence::Store;
use longwave_port::{
    Admit, Answer, Answers, Bus, Completion, Credentials, Gate, Guarantee, Identity, MarkSignal, Publish,
    PublishProperties, PushSink, Recipients, Sender, Typing,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::memory::MemoryStore;
use crate::{Bridge, BridgeParts, BridgeSettings, BridgeStats, Ownership, UnknownPeers};

/// What the bus was told.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) entries: Mutex<Vec<(Arc<Entry>, Recipients)>>,
    pub(crate) typing: Mutex<Vec<Typing>>,
    pub(crate) marks: Mutex<Vec<MarkSignal>>,
}

impl Bus for Notes {
    fn entry(&self, entry: &Arc<Entry>, to: &Recipients) {
        self.entries.lock().push((entry.clone(), to.clone()));
    }
    fn typing(&self, typing: Typing) {
        self.typing.lock().push(typing);
    }
    fn mark(&self, mark: MarkSignal) {
        self.marks.lock().push(mark);
    }
}

/// Knows the tokens `user`, `user/device` and, for a service, `user!`.
struct Tokens;

#[async_trait]
impl Admit for Tokens {
    async fn admit(&self, _: Credentials) -> Result<Identity, Refusal> {
        Err(Refusal::new(ErrorCode::BadCredentials, "not asked here"))
    }
    async fn renew(&self, token: &str) -> Result<Identity, Refusal> {
        let (user, device) = token.split_once('/').unwrap_or((token, ""));
        Ok(Identity {
            user: UserId::parse(user.trim_end_matches('!'))
                .map_err(|_| Refusal::new(ErrorCode::BadCredentials, "no token"))?,
            device: DeviceId::parse(device).ok(),
            service: user.ends_with('!'),
            expires_at: Some(9_000_000_000_000),
        })
    }
}

/// Everything together.
pub(crate) struct World<S = MemoryStore> {
    pub(crate) store: Arc<S>,
    pub(crate) notes: Arc<Notes>,
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) stats: Arc<BridgeStats>,
    pub(crate) time: Arc<AtomicU64>,
}

pub(crate) const START: u64 = 1_700_000_000_000;

impl World {
    /// With a store whose views are applied after the append.
    pub(crate) fn new() -> Self {
        Self::with(BridgeSettings { unknown_peers: UnknownPeers::Allowed, ..BridgeSettings::default() })
    }

    pub(crate) fn with(settings: BridgeSettings) -> Self {
        Self::on(Arc::new(MemoryStore::new(2, false)), settings)
    }
}

impl<S: Store + 'static> World<S> {
    pub(crate) fn on(store: Arc<S>, settings: BridgeSettings) -> Self {
        Self::owning(store, settings, Ownership::Always)
    }

    pub(crate) fn owning(store: Arc<S>, settings: BridgeSettings, ownership: Ownership) -> Self {
        Self::of(store, settings, ownership, None)
    }

    /// With somebody who wakes devices.
    pub(crate) fn waking(store: Arc<S>, settings: BridgeSettings, push: Arc<dyn PushSink>) -> Self {
        Self::of(store, settings, Ownership::Always, Some(push))
    }

    fn of(store: Arc<S>, settings: BridgeSettings, ownership: Ownership, push: Option<Arc<dyn PushSink>>) -> Self {
        let notes = Arc::new(Notes::default());
        let stats = Arc::new(BridgeStats::default());
        let time = Arc::new(AtomicU64::new(START));
        let clock = time.clone();
        let bridge = Bridge::start(BridgeParts {
            store: store.clone(),
            bus: notes.clone(),
            admit: Arc::new(Tokens),
            clock: Arc::new(move || clock.load(SeqCst)),
            settings,
            stats: stats.clone(),
            ownership,
            shared_rates: None,
            push,
        });
        Self { store, notes, bridge, stats, time }
    }

    /// A device on its first connection.
    pub(crate) fn device(&self, user: &str, device: &str) -> Device {
        self.connect(user, device, 1, false)
    }

    pub(crate) fn connect(&self, user: &str, device: &str, connection: u64, service: bool) -> Device {
        let sender = Sender {
            user: UserId::parse(user).unwrap(),
            device: DeviceId::parse(device).unwrap(),
            service,
            incarnation: 1,
            connection,
        };
        Device { gate: self.bridge.clone(), sender: Arc::new(sender) }
    }

    /// Stops the bridge and starts another on the same store.
    pub(crate) async fn restart(self, settings: BridgeSettings) -> Self {
        self.bridge.stop().await;
        let now = self.time.load(SeqCst);
        let world = Self::on(self.store.clone(), settings);
        world.time.store(now, SeqCst);
        world
    }
}

/// A connection of a device.
#[derive(Clone)]
pub(crate) struct Device {
    gate: Arc<dyn Gate>,
    pub(crate) sender: Arc<Sender>,
}

#[derive(Default)]
struct Collected(Mutex<HashMap<u64, oneshot::Sender<Answer>>>);

impl Answers for Collected {
    fn answer(&self, ticket: u64, answer: Answer) {
        if let Some(to) = self.0.lock().remove(&ticket) {
            let _ = to.send(answer);
        }
    }
}

/// Waits for an answer.
pub(crate) type Waiting = oneshot::Receiver<Answer>;

impl Device {
    /// A QoS 1 publish without DUP.
    pub(crate) fn publish(&self, topic: &str, payload: &str) -> Publish {
        Publish {
            sender: self.sender.clone(),
            number: 1,
            route: None,
            topic: topic.into(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            retain: false,
            guarantee: Guarantee::AtLeastOnce { packet_id: 1, resend_of: None },
            properties: None,
            wants_notice: false,
        }
    }

    /// Hands a publish over.
    pub(crate) fn hand(&self, publish: Publish) -> Waiting {
        let (to, answer) = oneshot::channel();
        let collected = Arc::new(Collected(Mutex::new(HashMap::from([(7, to)]))));
        self.gate.publish(publish, Completion::new(collected, 7));
        answer
    }

    /// A command as JSON.
    pub(crate) async fn command(&self, conv: &str, command: Value) -> Answer {
        let topic = format!("u/{}/c/{conv}/json", self.sender.user);
        self.hand(self.publish(&topic, &command.to_string())).await.unwrap()
    }

    /// Sends a text with an id; the seq, or the number of the refusal.
    pub(crate) async fn send(&self, conv: &str, id: &str, body: &str) -> Result<u64, ErrorCode> {
        seq_of(self.command(conv, json!({"id": id, "body": body})).await)
    }

    /// A request; its result, or the number of the refusal.
    pub(crate) async fn rpc(&self, method: &str, params: Value) -> Result<Value, u64> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let topic = format!("u/{}/rpc/json", self.sender.user);
        let answer = self.hand(self.publish(&topic, &request.to_string())).await.unwrap();
        let Answer::Done { notice: Some(notice), .. } = answer else { panic!("no response: {answer:?}") };
        assert_eq!(notice.topic, topic);
        let mut response: Value = serde_json::from_slice(&notice.payload).unwrap();
        match response.get("error") {
            Some(error) => Err(error["data"]["error"].as_u64().unwrap()),
            None => Ok(response["result"].take()),
        }
    }
}

/// With MQTT 5 properties.
pub(crate) fn with_properties(publish: Publish, properties: PublishProperties) -> Publish {
    Publish { properties: Some(Box::new(properties)), ..publish }
}

/// The seq of a stored publish, or the number of the refusal.
pub(crate) fn seq_of(answer: Answer) -> Result<u64, ErrorCode> {
    match answer {
        Answer::Stored { seq, .. } => Ok(seq.0),
        Answer::Refused { refusal, .. } => Err(refusal.code),
        other => panic!("neither stored nor refused: {other:?}"),
    }
}
