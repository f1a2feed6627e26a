//! What the bridge hands to the push worker: messages that sleeping devices may have to be woken for.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use longwave_model::{ConversationId, Entry, Seq, ShardId, UserId};

/// A message, and whose devices may have to be woken for it.
#[derive(Debug, Clone)]
pub struct PushMessage {
    /// The message, as stored.
    pub entry: Arc<Entry>,
    /// The members, the sender included.
    pub to: Arc<Vec<UserId>>,
}

/// Held for as long as something of a hand-over is not recorded. When the last clone is dropped, its part of the journal is settled.
#[derive(Clone)]
pub struct PushTicket(#[expect(dead_code, reason = "what is held counts by being dropped")] Arc<dyn Any + Send + Sync>);

impl PushTicket {
    /// A ticket that drops this with its last clone.
    pub fn new(held: impl Any + Send + Sync) -> Self {
        Self(Arc::new(held))
    }
}

impl fmt::Debug for PushTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushTicket")
    }
}

/// Takes what devices may have to be woken for.
#[async_trait]
pub trait PushSink: Send + Sync {
    /// Takes messages of one shard, in the order of its journal, and the ticket to hold until each has been recorded. Returns once they
    /// are taken: a sink without room makes the caller wait, and the journal keeps what is not handed over. The same message may come
    /// again.
    async fn hand_over(&self, shard: ShardId, messages: Vec<PushMessage>, ticket: PushTicket);

    /// A member has read up to here; what was shown for it elsewhere may go. Losing this loses nothing but that.
    fn read(&self, conversation: &ConversationId, user: &UserId, seq: Seq);

    /// A device of this user has registered, or does not want to be woken any more.
    fn registered(&self, user: &UserId);
}
