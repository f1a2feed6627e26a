//! What a lane is asked to do, in the order in which it is to be done.

use std::sync::Arc;

use longwave_model::{ConversationId, DeviceId, Message, MessageId, Origin, Refusal, Seq, UserId};
use longwave_persistence::Stored;
use longwave_port::Lease;
use tokio::sync::oneshot;

use crate::check::Change;
use crate::core::Failure;
use crate::lane::conversation::Snapshot;
use crate::reply::Reply;

/// Names a session: whose, on which device.
pub(crate) type SessionKey = (UserId, DeviceId);

/// One request to a lane.
#[derive(Debug)]
pub(crate) enum Request {
    /// Store a message.
    Send(Box<SendRequest>),
    /// Raise a read mark.
    Read(Box<ReadRequest>),
    /// Tell the others that somebody types.
    Typing(Box<TypingRequest>),
    /// Change the conversation by an entry.
    Change(Box<ChangeRequest>),
    /// What the conversation is, after everything before this.
    Look { conversation: ConversationId, to: oneshot::Sender<Result<Snapshot, Failure>> },
    /// Take the shard, if it is not owned.
    Own,
    /// A block register has changed: read it again.
    Forget { conversation: ConversationId, done: oneshot::Sender<()> },
    /// Finish what came before and end.
    Stop,
}

impl Request {
    /// The conversation it is about.
    pub(crate) fn conversation(&self) -> Option<&ConversationId> {
        match self {
            Self::Send(send) => Some(&send.conversation),
            Self::Read(read) => Some(&read.conversation),
            Self::Typing(typing) => Some(&typing.conversation),
            Self::Change(change) => Some(&change.conversation),
            Self::Look { conversation, .. } => Some(conversation),
            Self::Own | Self::Forget { .. } | Self::Stop => None,
        }
    }
}

impl Request {
    /// Says that it will not be done.
    pub(crate) fn refuse(self, refusal: Refusal) {
        match self {
            Self::Send(send) => send.reply.refused(refusal),
            Self::Read(read) => read.reply.refused(refusal),
            Self::Typing(typing) => typing.reply.refused(refusal),
            // Who asked may be gone.
            Self::Change(change) => drop(change.to.send(Err(Failure::Refused(refusal)))),
            Self::Look { to, .. } => drop(to.send(Err(Failure::Refused(refusal)))),
            Self::Own | Self::Forget { .. } | Self::Stop => {}
        }
    }

    /// Says that it was not done here and may be done elsewhere.
    pub(crate) fn moved(self) {
        match self {
            Self::Send(send) => send.reply.moved(),
            Self::Read(read) => read.reply.moved(),
            Self::Typing(typing) => typing.reply.moved(),
            // Who asked may be gone.
            Self::Change(change) => drop(change.to.send(Err(Failure::Moved))),
            Self::Look { to, .. } => drop(to.send(Err(Failure::Moved))),
            Self::Own | Self::Forget { .. } | Self::Stop => {}
        }
    }
}

/// A message on its way to its seq.
#[derive(Debug)]
pub(crate) struct SendRequest {
    pub(crate) conversation: ConversationId,
    /// On whose behalf.
    pub(crate) sender: UserId,
    /// The entry's device; none for a service.
    pub(crate) device: Option<DeviceId>,
    /// The session that published.
    pub(crate) session: SessionKey,
    /// Its connection.
    pub(crate) connection: u64,
    /// What makes it exact: the sender's id, or one derived from its QoS 2 state.
    pub(crate) id: Option<MessageId>,
    /// Its place among the connection's publishes, if another process handed it over.
    pub(crate) order: Option<Order>,
    /// What makes a DUP resend of it recognisable.
    pub(crate) origin: Option<Origin>,
    /// Whether it may be such a resend itself.
    pub(crate) resend: bool,
    /// Seconds.
    pub(crate) expires_in: Option<u32>,
    pub(crate) message: Message,
    pub(crate) reply: Reply,
}

/// What a publish says of its place (protocol rule 21).
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Which of its connection's publishes it is.
    pub(crate) number: u64,
    /// Which one must have been taken before; 0 = none.
    pub(crate) after: u64,
    /// Whether who handed it over still waits for it.
    pub(crate) lease: Arc<dyn Lease>,
}

/// The place of what is no message among its connection's publishes, if another process handed it over: it waits for nothing, but others
/// wait for it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) session: SessionKey,
    pub(crate) connection: u64,
    pub(crate) number: u64,
}

/// A read mark on its way to the store.
#[derive(Debug)]
pub(crate) struct ReadRequest {
    pub(crate) conversation: ConversationId,
    pub(crate) user: UserId,
    pub(crate) seq: Seq,
    pub(crate) place: Option<Place>,
    pub(crate) reply: Reply,
}

/// Somebody types.
#[derive(Debug)]
pub(crate) struct TypingRequest {
    pub(crate) conversation: ConversationId,
    pub(crate) user: UserId,
    pub(crate) device: Option<DeviceId>,
    pub(crate) place: Option<Place>,
    pub(crate) reply: Reply,
}

/// A change by request.
#[derive(Debug)]
pub(crate) struct ChangeRequest {
    pub(crate) conversation: ConversationId,
    /// Who asks.
    pub(crate) actor: UserId,
    /// The entry's device; none for a service.
    pub(crate) device: Option<DeviceId>,
    pub(crate) change: Change,
    /// Whether who handed it over still waits for it, if another process did.
    pub(crate) lease: Option<Arc<dyn Lease>>,
    /// Dropped without an answer when nobody knows.
    pub(crate) to: oneshot::Sender<Result<Changed, Failure>>,
}

/// How a change ended.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    /// The entry that did it; `None` when it was so already.
    pub(crate) stored: Option<Stored>,
    /// The conversation's head afterwards.
    pub(crate) head: Seq,
}

impl Changed {
    /// The seq of the entry that did it, or of the latest, when it was so already.
    pub(crate) fn seq(&self) -> Seq {
        self.stored.map_or(self.head, |stored| stored.seq)
    }
}
