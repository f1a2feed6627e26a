//! What intake and verbs share: the store, the lanes, and how to ask a lane.

use std::sync::Arc;

use longwave_model::{ConversationId, DeviceId, Refusal, ShardId, UserId, shard_of};
use longwave_persistence::{Store, StoreError};
use longwave_port::{Admit, Lease, PushSink};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::bridge::Clock;
use crate::check::Change;
use crate::lane::conversation::Snapshot;
use crate::lane::refusal_of;
use crate::lane::request::{ChangeRequest, Changed, Request};
use crate::owned::OwnedShards;
use crate::rate::Rates;
use crate::requests::Requests;
use crate::settings::BridgeSettings;
use crate::stats::BridgeStats;

/// The parts of a running bridge.
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) admit: Arc<dyn Admit>,
    pub(crate) clock: Clock,
    pub(crate) settings: Arc<BridgeSettings>,
    pub(crate) stats: Arc<BridgeStats>,
    pub(crate) rates: Arc<Rates>,
    /// By shard.
    pub(crate) lanes: Vec<mpsc::UnboundedSender<Request>>,
    pub(crate) owned: Arc<OwnedShards>,
    pub(crate) runtime: Handle,
    pub(crate) requests: Requests,
    pub(crate) push: Option<Arc<dyn PushSink>>,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It will not be done.
    Refused(Refusal),
    /// Nobody knows whether it was.
    Unknown,
    /// It was not, and may be elsewhere: the shard has another owner.
    Moved,
}

impl Core {
    /// A shard's number, for a conversation.
    fn shard(&self, conversation: &ConversationId) -> ShardId {
        shard_of(conversation, u16::try_from(self.lanes.len()).unwrap_or(u16::MAX))
    }

    /// Whether a new conversation of this name costs no other owner its shard.
    pub(crate) fn is_at_home(&self, conversation: &ConversationId) -> bool {
        !self.owned.has_any() || self.owned.has(self.shard(conversation))
    }

    /// Hands a request to the lane of its conversation. Bounded by the byte budget, not by the channel.
    pub(crate) fn hand_over(&self, conversation: &ConversationId, request: Request) {
        let shard = self.shard(conversation);
        if let Some(lane) = self.lanes.get(usize::from(shard.0)) {
            // Fails only when the bridge has stopped; the request then answers "unknown" as it is dropped.
            let _ = lane.send(request);
        }
    }

    /// Changes a conversation by an entry; done when that is stored and applied.
    pub(crate) async fn change(
        &self,
        conversation: &ConversationId,
        actor: &UserId,
        device: Option<&DeviceId>,
        lease: Option<&Arc<dyn Lease>>,
        change: Change,
    ) -> Result<Changed, Failure> {
        let (to, answer) = oneshot::channel();
        let (actor, device) = (actor.clone(), device.cloned());
        let request =
            ChangeRequest { conversation: conversation.clone(), actor, device, change, lease: lease.cloned(), to };
        self.hand_over(conversation, Request::Change(Box::new(request)));
        answer.await.map_err(|_| Failure::Unknown)?
    }

    /// What a conversation is, after everything that was handed over before; views agree with it. Refused when it does not exist.
    pub(crate) async fn look(&self, conversation: &ConversationId) -> Result<Snapshot, Failure> {
        let (to, answer) = oneshot::channel();
        self.hand_over(conversation, Request::Look { conversation: conversation.clone(), to });
        answer.await.map_err(|_| Failure::Unknown)?
    }

    /// Makes the lane read again what it knows of a conversation beside its entries.
    pub(crate) async fn forget(&self, conversation: &ConversationId) -> Result<(), Failure> {
        let (done, answer) = oneshot::channel();
        self.hand_over(conversation, Request::Forget { conversation: conversation.clone(), done });
        answer.await.map_err(|_| Failure::Unknown)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Of a read, or of a write that may be repeated: refusing it is safe either way.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store failed a request");
        Self::Refused(refusal_of(&error))
    }
}
