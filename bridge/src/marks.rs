//! Read marks on their way to the store: all that wait become one write, then their senders are answered and the members told.

use std::sync::Arc;

use longwave_model::{ConversationId, Seq, UserId};
use longwave_persistence::{MarkRaise, Store, StoreError};
use longwave_port::{Bus, MarkSignal, PushSink, Recipients};
use tokio::sync::mpsc;
use tracing::warn;

use crate::lane::refusal_of;
use crate::reply::Reply;

/// Marks of one write.
const BATCH: usize = 512;

/// A mark to be raised.
#[derive(Debug)]
pub(crate) struct MarkJob {
    pub(crate) conversation: ConversationId,
    pub(crate) user: UserId,
    pub(crate) read: Seq,
    /// Unix time in milliseconds.
    pub(crate) ts: u64,
    /// Who is told.
    pub(crate) to: Recipients,
    pub(crate) reply: Reply,
}

/// Writes marks until all lanes are gone.
pub(crate) async fn write_marks(
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    push: Option<Arc<dyn PushSink>>,
    mut jobs: mpsc::UnboundedReceiver<MarkJob>,
) {
    let mut batch = Vec::new();
    while jobs.recv_many(&mut batch, BATCH).await > 0 {
        let raises = batch.iter().map(|job| MarkRaise {
            conversation: job.conversation.clone(),
            user: job.user.clone(),
            delivered: Seq::ZERO,
            read: job.read,
            ts: job.ts,
        });
        let raised = store.raise(Vec::new(), raises.collect()).await;
        if let Err(error) = &raised {
            warn!(%error, marks = batch.len(), "read marks cannot be stored");
        }
        for job in batch.drain(..) {
            match &raised {
                Ok(()) => {
                    job.reply.done();
                    if let Some(push) = &push {
                        push.read(&job.conversation, &job.user, job.read);
                    }
                    bus.mark(MarkSignal {
                        conversation: job.conversation,
                        user: job.user,
                        delivered: Seq::ZERO,
                        read: job.read,
                        to: job.to,
                    });
                }
                Err(StoreError::Unavailable(_)) => job.reply.unknown(),
                Err(error) => job.reply.refused(refusal_of(error)),
            }
        }
    }
}
