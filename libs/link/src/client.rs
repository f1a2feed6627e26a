//! A bridge's connection to one broker: an MQTT 5 client that takes requests, has the bridge do them, and publishes how they ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use longwave_model::ShardId;
use longwave_port::{Answer, Answers, Completion, Gate};
use parking_lot::Mutex;
use rumqttc::Transport;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{info, warn};

use crate::connect_error::ConnectError;
use crate::frame::{self, FRAME_BYTES, FRAME_REQUESTS, Response, ToBridge, ToBroker, VERSION};
use crate::internal::BRIDGE_USER;
use crate::lease::Lease;
use crate::settings::BEAT;
use crate::tls::LinkTls;
use crate::tunnel::Tunnel;
use crate::{from_frame, to_frame};

/// Pause before a broker is tried again.
const RECONNECT: Duration = Duration::from_millis(300);

/// The largest frame: one publish of the largest size, and then some.
const PACKET_BYTES: u32 = 4 << 20;

/// What does the requests: a bridge.
pub trait Served: Gate {
    /// Takes these shards, if they are not owned.
    fn own(&self, shards: &[ShardId]);
}

/// How a bridge connects.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The bridge's name among the nodes, new at each start; the MQTT client id.
    pub name: String,
    /// What it shows. Never logged.
    pub secret: String,
    /// TLS; `None` = plain TCP.
    pub tls: Option<LinkTls>,
}

/// A connection that is made again and again until it is dropped.
#[derive(Debug)]
pub struct Client {
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    bridge: Arc<dyn Served>,
    leaving: watch::Receiver<bool>,
    origin: Instant,
    outgoing: Mutex<Outgoing>,
    ready: Notify,
    /// Why there is no connection; `None` while there is one, and before the first try has ended.
    failure: Mutex<Option<ConnectError>>,
}

#[derive(Default)]
struct Outgoing {
    /// Set by the broker's first frame: where responses go.
    topic: Option<String>,
    lease: Option<(u64, Arc<Lease>)>,
    /// When the requests were subscribed to.
    subscribed: Option<Instant>,
    /// Of the present lease.
    responses: VecDeque<Response>,
    /// When the beats that were not heard yet were sent.
    beats: Vec<(u64, Instant)>,
    next_beat: u64,
}

impl Client {
    /// Connects to a broker's internal listener. While `leaving` says so, brokers choose other bridges.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(
        address: (String, u16),
        settings: ClientSettings,
        bridge: Arc<dyn Served>,
        leaving: watch::Receiver<bool>,
    ) -> Self {
        let state = Arc::new(State {
            bridge,
            leaving,
            origin: Instant::now(),
            outgoing: Mutex::default(),
            ready: Notify::new(),
            failure: Mutex::default(),
        });
        let task = tokio::spawn(run(address, settings, state.clone()));
        Self { state, task }
    }

    /// Why there is no connection, as the last try ended.
    #[must_use]
    pub fn failure(&self) -> Option<ConnectError> {
        self.state.failure.lock().clone()
    }

    /// Whether the broker has accepted this bridge.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state.outgoing.lock().lease.as_ref().is_some_and(|(_, lease)| longwave_port::Lease::holds(&**lease))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
        self.state.end_lease();
    }
}

async fn run(address: (String, u16), settings: ClientSettings, state: Arc<State>) {
    loop {
        let error = connection(&address, &settings, &state).await;
        state.end_lease();
        state.failed(&address, error);
        sleep(RECONNECT).await;
    }
}

/// One connection, from its beginning to its end.
async fn connection(address: &(String, u16), settings: &ClientSettings, state: &Arc<State>) -> ConnectError {
    let (tunnel, mut options) = match &settings.tls {
        None => (None, MqttOptions::new(&settings.name, &address.0, address.1)),
        Some(tls) => {
            let tunnel = match Tunnel::open(address, tls).await {
                Ok(tunnel) => tunnel,
                Err(error) => return error,
            };
            let mut options = MqttOptions::new(&settings.name, tunnel.path(), address.1);
            options.set_transport(Transport::Unix);
            (Some(tunnel), options)
        }
    };
    options
        .set_credentials(BRIDGE_USER, &settings.secret)
        .set_keep_alive(Duration::from_secs(5))
        .set_clean_start(true)
        .set_connection_timeout(5)
        .set_max_packet_size(Some(PACKET_BYTES));
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    // New at each try: what an earlier one left in its queue is of an earlier lease.
    let (client, events) = AsyncClient::new(options, 64);
    let carry = async {
        match tunnel {
            Some(tunnel) => {
                let error = tunnel.run().await;
                // The client sees the same end, and knows better what it means.
                sleep(RECONNECT).await;
                error
            }
            None => std::future::pending().await,
        }
    };
    let lost = |what: &str| ConnectError::Lost(what.to_owned());
    tokio::select! {
        error = receive(events, &client, settings, state) => error,
        () = respond(&client, state) => lost("responses cannot be sent"),
        () = beat(&client, state) => lost("beats cannot be sent"),
        error = carry => error,
    }
}

/// Takes what the broker sends, until the connection ends.
async fn receive(
    mut events: EventLoop,
    client: &AsyncClient,
    settings: &ClientSettings,
    state: &Arc<State>,
) -> ConnectError {
    let mut was_accepted = false;
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                was_accepted = true;
                state.outgoing.lock().subscribed = Some(Instant::now());
                if client.subscribe(format!("$bridge/{}/req", settings.name), QoS::AtMostOnce).await.is_err() {
                    return ConnectError::Lost("requests cannot be subscribed to".to_owned());
                }
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => state.take(publish),
            Ok(_) => {}
            Err(error) => return ConnectError::of_client(&error, was_accepted, settings.tls.is_some()),
        }
    }
}

/// Publishes responses as they come, many at a time.
async fn respond(client: &AsyncClient, state: &Arc<State>) {
    loop {
        state.ready.notified().await;
        while let Some((topic, lease, responses)) = state.next_responses() {
            let frame = ToBroker { version: VERSION, responses, ..ToBroker::default() };
            if publish(client, topic, Some(lease), &frame).await.is_err() {
                return;
            }
        }
    }
}

/// Says again and again that the bridge lives.
async fn beat(client: &AsyncClient, state: &Arc<State>) {
    let mut ticks = interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut leaving = state.leaving.clone();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = leaving.changed() => if changed.is_err() { return },
        }
        let Some((topic, beat)) = state.next_beat() else { continue };
        let frame = ToBroker { version: VERSION, beat, leaving: *leaving.borrow(), ..ToBroker::default() };
        if publish(client, topic, None, &frame).await.is_err() {
            return;
        }
    }
}

async fn publish(client: &AsyncClient, topic: String, lease: Option<u64>, frame: &ToBroker) -> Result<(), ()> {
    let correlation_data = lease.map(|lease| Bytes::copy_from_slice(&lease.to_be_bytes()));
    let properties = PublishProperties { correlation_data, ..PublishProperties::default() };
    let payload = frame::encode(frame);
    client.publish_with_properties(topic, QoS::AtMostOnce, false, payload, properties).await.map_err(|_| ())
}

impl State {
    fn take(self: &Arc<Self>, publish: Publish) {
        let Some(topic) = publish.properties.and_then(|properties| properties.response_topic) else { return };
        let Some(frame) = frame::decode::<ToBridge>(publish.payload) else {
            warn!("a broker sent what is no frame");
            return;
        };
        let Some(lease) = self.lease(topic, &frame) else { return };
        let shards: Vec<ShardId> =
            frame.own.iter().filter_map(|shard| u16::try_from(*shard).ok()).map(ShardId).collect();
        if !shards.is_empty() {
            self.bridge.own(&shards);
        }
        for request in frame.requests {
            let answers = Ending { state: self.clone(), lease: frame.lease, attempt: request.attempt };
            let completion = Completion::new(Arc::new(answers), request.job);
            // One that cannot be read is answered "unknown" as the completion is dropped.
            if let Some(publish) = from_frame::publish(request, lease.clone()) {
                self.bridge.publish(publish, completion);
            }
        }
    }

    /// The lease that a frame belongs to; `None` for a frame of an earlier one.
    fn lease(&self, topic: String, frame: &ToBridge) -> Option<Arc<Lease>> {
        let mut outgoing = self.outgoing.lock();
        let sent = outgoing.beats.iter().find(|(beat, _)| *beat == frame.heard).map(|(_, sent)| *sent);
        outgoing.beats.retain(|(beat, _)| *beat > frame.heard);
        if outgoing.topic.is_none() {
            info!(broker = %topic, "broker connected");
            *self.failure.lock() = None;
            outgoing.topic = Some(topic);
        }
        match &outgoing.lease {
            Some((number, _)) if *number > frame.lease => None,
            Some((number, lease)) if *number == frame.lease => {
                if let Some(sent) = sent {
                    lease.renew(sent);
                }
                Some(lease.clone())
            }
            earlier => {
                if let Some((_, lease)) = earlier {
                    lease.end();
                }
                // It begins with the subscription, or with the first beat that was heard after a silence, and counts from when this side
                // sent that, however long the answer took.
                let lease = Lease::new(self.origin, sent.or(outgoing.subscribed).unwrap_or(self.origin));
                outgoing.lease = Some((frame.lease, lease.clone()));
                outgoing.responses.clear();
                Some(lease)
            }
        }
    }

    /// Says so when it is another reason than before, for it is tried several times a second.
    fn failed(&self, address: &(String, u16), error: ConnectError) {
        let before = self.failure.lock().replace(error.clone());
        if before.as_ref() != Some(&error) {
            let broker = format!("{}:{}", address.0, address.1);
            warn!(code = error.code().number(), %broker, %error, "no connection to a broker");
        }
    }

    fn end_lease(&self) {
        let mut outgoing = self.outgoing.lock();
        if let Some((_, lease)) = outgoing.lease.take() {
            lease.end();
        }
        outgoing.topic = None;
        outgoing.responses.clear();
        outgoing.beats.clear();
    }

    fn next_beat(&self) -> Option<(String, u64)> {
        let mut outgoing = self.outgoing.lock();
        let topic = outgoing.topic.clone()?;
        outgoing.next_beat += 1;
        let beat = outgoing.next_beat;
        outgoing.beats.push((beat, Instant::now()));
        Some((topic, beat))
    }

    /// Responses of the present lease for one frame.
    fn next_responses(&self) -> Option<(String, u64, Vec<Response>)> {
        let mut outgoing = self.outgoing.lock();
        let topic = outgoing.topic.clone()?;
        let lease = outgoing.lease.as_ref()?.0;
        let mut bytes = 0;
        let fitting = outgoing.responses.iter().take(FRAME_REQUESTS).take_while(|response| {
            let fits = bytes < FRAME_BYTES;
            bytes += response.size();
            fits
        });
        let count = fitting.count();
        let responses: Vec<Response> = outgoing.responses.drain(..count).collect();
        (!responses.is_empty()).then_some((topic, lease, responses))
    }
}

/// Takes the answer to one attempt.
struct Ending {
    state: Arc<State>,
    lease: u64,
    attempt: u32,
}

impl Answers for Ending {
    fn answer(&self, job: u64, answer: Answer) {
        let response = to_frame::response(job, self.attempt, answer);
        let mut outgoing = self.state.outgoing.lock();
        // One of an earlier lease counts for nothing.
        if outgoing.lease.as_ref().is_some_and(|(lease, _)| *lease == self.lease) {
            outgoing.responses.push_back(response);
            drop(outgoing);
            self.state.ready.notify_one();
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}
