//! The other nodes of a broker: what its feed asks of them and tells them.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hashbrown::HashSet;
use longwave_model::{ConversationId, DeviceId, Entry, NodeId, UserId};
use longwave_persistence::redis::Redis;
use longwave_port::{Bus, Elsewhere, MarkSignal};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};
use xxhash_rust::xxh3::xxh3_64;

use crate::bus::RedisBus;
use crate::frame::{CloseFrame, Frame, PresenceFrame, Signal};
use crate::silent::SilentNodes;

/// How long a device waits for its connection on another node to end.
const CLAIM: Duration = Duration::from_secs(2);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(25);

/// What begins the device under which a service's interest in a user is registered. No device of a client begins like this.
const WATCHER: &str = "$watch/";

/// What a node does with what it hears of others.
#[async_trait]
pub trait Local: Send + Sync {
    /// Takes what is for the sessions here.
    fn bus(&self) -> &dyn Bus;
    /// A device has connected elsewhere: closes its connection here.
    fn close_moved(&self, user: &UserId, device: &DeviceId);
    /// A user came or went elsewhere.
    fn presence_changed(&self, user: &UserId);
    /// Nobody knows whom a node that died, or came back, had.
    fn tell_presence_again(&self);
    /// Wake-ups may have been lost.
    async fn compare_all(&self);
    /// Wake-ups of a device may have been lost.
    async fn compare(&self, user: &UserId, device: &DeviceId);
    /// The open sessions, in parts; `None` after the last part.
    fn sessions(&self, part: usize) -> Option<Vec<(UserId, DeviceId)>>;
    /// Users that services watch here, with the service's device.
    fn watched(&self) -> Vec<(UserId, DeviceId)>;
    /// Channels that sessions here are interested in.
    fn channels(&self) -> Vec<ConversationId>;
}

/// The nodes elsewhere, through Redis.
pub struct Neighbours {
    pub(crate) redis: Redis,
    pub(crate) node: NodeId,
    bus: Arc<RedisBus>,
    left: mpsc::UnboundedSender<(UserId, DeviceId)>,
    /// Users who came or went here and were not told of yet.
    pub(crate) changed: Mutex<HashSet<UserId>>,
    /// Channels that Redis knows this node for.
    pub(crate) known_channels: Mutex<HashSet<ConversationId>>,
    /// Brokers that died; whom they had is not online.
    pub(crate) silent: Mutex<SilentNodes>,
}

impl Neighbours {
    /// Starts them.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(redis: Redis, node: NodeId) -> Arc<Self> {
        let bus = RedisBus::start(redis.clone(), Some(node.clone()));
        let (left, leaving) = mpsc::unbounded_channel();
        tokio::spawn(unregister(redis.clone(), node.clone(), leaving));
        let silent = Mutex::new(SilentNodes::new(redis.presence_life_time()));
        let (changed, known_channels) = (Mutex::default(), Mutex::default());
        Arc::new(Self { redis, node, bus, left, changed, known_channels, silent })
    }

    /// Tells other brokers who came or went here since the last time.
    pub(crate) fn tell_presence(&self, brokers: &[NodeId]) {
        let changed = std::mem::take(&mut *self.changed.lock());
        if changed.is_empty() {
            return;
        }
        let users = changed.iter().map(|user| user.as_str().to_owned()).collect();
        let frame = Frame::new(Signal::Presence(PresenceFrame { users }), None);
        for broker in brokers.iter().filter(|broker| **broker != self.node) {
            self.bus.direct(broker.clone(), &frame);
        }
    }

    async fn close_elsewhere(&self, user: &UserId, device: &DeviceId) {
        let Ok(Some(holder)) = self.redis.node_of_device(user, device).await else { return };
        if holder == self.node {
            return;
        }
        let close = CloseFrame { user: user.as_str().to_owned(), device: device.as_str().to_owned() };
        let frame = Frame::new(Signal::Close(close), None).encode();
        match self.redis.publish(vec![(holder.clone(), frame)]).await {
            // Nobody is there any more, or nobody can tell.
            Ok(receivers) if receivers.first().is_none_or(|count| *count == 0) => return,
            Ok(_) => {}
            Err(_) => return,
        }
        let deadline = Instant::now() + CLAIM;
        while Instant::now() < deadline {
            match self.redis.node_of_device(user, device).await {
                Ok(Some(still)) if still == holder => sleep(LOOK).await,
                _ => return,
            }
        }
        info!(%user, %device, node = %holder, "a connection on another node did not end in time");
    }
}

#[async_trait]
impl Elsewhere for Neighbours {
    async fn claim(&self, user: &UserId, device: &DeviceId) {
        self.close_elsewhere(user, device).await;
    }

    async fn arrived(&self, user: &UserId, device: &DeviceId) {
        // While Redis is away, the refresh that first reaches it registers the session and has it compare.
        if let Err(error) = self.redis.register(&self.node, &[(user.clone(), device.clone())]).await {
            debug!(%error, "presence not registered yet");
        }
    }

    fn left(&self, user: &UserId, device: &DeviceId) {
        // Fails only when the runtime ends.
        let _ = self.left.send((user.clone(), device.clone()));
    }

    async fn watches(&self, user: &UserId, service: &DeviceId) {
        if let Some(watcher) = watcher(service)
            && let Err(error) = self.redis.register(&self.node, &[(user.clone(), watcher)]).await
        {
            debug!(%error, "interest of a service not registered yet");
        }
    }

    fn unwatches(&self, user: &UserId, service: &DeviceId) {
        if let Some(watcher) = watcher(service) {
            let _ = self.left.send((user.clone(), watcher));
        }
    }

    async fn interested(&self, channels: &[ConversationId]) -> bool {
        let new: Vec<ConversationId> = {
            let known = self.known_channels.lock();
            channels.iter().filter(|channel| !known.contains(*channel)).cloned().collect()
        };
        if new.is_empty() {
            return false;
        }
        match self.redis.register_interest(&self.node, &new).await {
            Ok(_) => {
                self.known_channels.lock().extend(new);
                true
            }
            Err(error) => {
                debug!(%error, "interest in channels not registered yet");
                false
            }
        }
    }

    async fn is_online(&self, user: &UserId) -> bool {
        let holders = self.redis.devices_of(user).await.unwrap_or_default();
        let silent = self.silent.lock();
        holders
            .iter()
            .any(|(device, node)| *node != self.node && !silent.contains(node) && !device.as_str().starts_with(WATCHER))
    }

    fn presence_changed(&self, user: &UserId) {
        self.changed.lock().insert(user.clone());
    }

    fn mark(&self, mark: &MarkSignal) {
        self.bus.mark(mark.clone());
    }

    async fn recall(&self, conversation: &ConversationId, range: RangeInclusive<u64>) -> Option<Vec<Arc<Entry>>> {
        self.redis.recall(conversation, range).await.ok().flatten()
    }
}

/// The device under which a service's interest in a user is registered.
pub(crate) fn watcher(service: &DeviceId) -> Option<DeviceId> {
    DeviceId::parse(&format!("{WATCHER}{:016x}", xxh3_64(service.as_str().as_bytes()))).ok()
}

/// Takes those who left out of Redis, many at a time. One that is missed expires.
async fn unregister(redis: Redis, node: NodeId, mut leaving: mpsc::UnboundedReceiver<(UserId, DeviceId)>) {
    let mut batch = Vec::new();
    while leaving.recv_many(&mut batch, 1_024).await > 0 {
        if let Err(error) = redis.unregister(&node, &batch).await {
            debug!(%error, "presence not taken back; it expires");
        }
        batch.clear();
    }
}

impl std::fmt::Debug for Neighbours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neighbours").field("node", &self.node).finish_non_exhaustive()
    }
}
