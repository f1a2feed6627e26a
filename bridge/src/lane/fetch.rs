//! Reads what memory lacks for the requests at hand, all at once.
//!
//! A store that cannot be read just now makes the lane wait, and with it the senders; only after ten seconds, or for a row that is
//! damaged, are the requests that need it refused. Nothing of them was stored.

use std::time::Duration;

use hashbrown::HashSet;
use longwave_model::{ConversationId, ErrorCode, Refusal};
use longwave_persistence::StoreError;
use rustc_hash::FxBuildHasher;
use tokio::time::sleep;
use tracing::warn;

use crate::lane::keys::DedupKey;
use crate::lane::load::{WantedId, load};
use crate::lane::request::Request;
use crate::lane::{Lane, WINDOW};

const PAUSE: Duration = Duration::from_millis(100);
const ATTEMPTS: u32 = 100;

type Set<T> = HashSet<T, FxBuildHasher>;

impl Lane {
    /// Fetches what the next requests need. Afterwards the first of them can be decided, or is gone.
    pub(super) async fn fetch_missing(&mut self) {
        let (mut conversations, mut ids) = self.missing();
        for attempt in 1..=ATTEMPTS {
            let stats = &self.parts.stats;
            stats.conversation_reads.fetch_add(conversations.len() as u64, std::sync::atomic::Ordering::Relaxed);
            stats.dedup_reads.fetch_add(ids.len() as u64, std::sync::atomic::Ordering::Relaxed);
            let loaded = load(&*self.parts.store, &self.parts.settings, conversations, ids).await;
            (conversations, ids) = (Vec::new(), Vec::new());
            let mut failed = None;
            for (id, conversation) in loaded.conversations {
                match conversation {
                    Ok(conversation) => {
                        if !conversation.exists() {
                            self.absent_conversations.push(id.clone());
                        }
                        self.memory.conversations.put(id, conversation);
                    }
                    Err(error) => {
                        failed = worse(failed, error);
                        conversations.push(id);
                    }
                }
            }
            for (wanted, found) in loaded.ids {
                match found {
                    Ok(Some(stored)) => self.memory.dedup.put(wanted.key, stored),
                    Ok(None) => {
                        self.memory.absent.insert(wanted.key);
                    }
                    Err(error) => {
                        failed = worse(failed, error);
                        ids.push(wanted);
                    }
                }
            }
            let Some(error) = failed else { return };
            warn!(shard = %self.shard, %error, attempt, "a lane cannot read the store");
            if attempt == ATTEMPTS || matches!(error, StoreError::Damaged { .. }) {
                self.refuse_dependants(&conversations, &ids, &error);
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// What the window's requests need and memory lacks, each once.
    fn missing(&mut self) -> (Vec<ConversationId>, Vec<WantedId>) {
        let mut conversations: Set<ConversationId> = Set::default();
        let mut seen: Set<DedupKey> = Set::default();
        let mut ids = Vec::new();
        for request in self.backlog.iter().take(WINDOW) {
            let Some(id) = request.conversation() else { continue };
            let known =
                self.memory.conversations.get(id).map(|conversation| (conversation.exists(), conversation.born));
            if known.is_none() {
                conversations.insert(id.clone());
            }
            if let Request::Send(send) = request
                && let Some(message_id) = &send.id
                && known.is_none_or(|(exists, born)| exists && !self.memory.knows_all_ids(born))
            {
                let key = self.memory.names.publish(id, &send.sender, message_id);
                if self.memory.dedup.peek(&key).is_none() && !self.memory.absent.contains(&key) && seen.insert(key) {
                    let (sender, message_id) = (send.sender.clone(), message_id.clone());
                    ids.push(WantedId { key, conversation: id.clone(), sender, id: message_id });
                }
            }
        }
        (conversations.into_iter().collect(), ids)
    }

    /// Conversations without entries are not worth remembering, and what is known of their users may change.
    pub(super) fn forget_absent(&mut self) {
        for id in std::mem::take(&mut self.absent_conversations) {
            if self.memory.conversations.peek(&id).is_some_and(|conversation| !conversation.exists()) {
                self.memory.conversations.remove(&id);
            }
        }
    }

    fn refuse_dependants(&mut self, conversations: &[ConversationId], ids: &[WantedId], error: &StoreError) {
        let refusal = refusal_of(error);
        for request in std::mem::take(&mut self.backlog) {
            let unreadable = request.conversation().is_some_and(|id| conversations.contains(id))
                || matches!(&request, Request::Send(send)
                if ids.iter().any(|wanted| {
                    send.conversation == wanted.conversation
                        && send.sender == wanted.sender
                        && send.id.as_ref() == Some(&wanted.id)
                }));
            if unreadable {
                request.refuse(refusal.clone());
            } else {
                self.backlog.push_back(request);
            }
        }
    }
}

/// How a store's error is told to those whose request was not stored because of it.
pub(crate) fn refusal_of(error: &StoreError) -> Refusal {
    match error {
        StoreError::DiskFull { .. } => Refusal::new(ErrorCode::DiskFull, "the disk is nearly full; nothing was stored"),
        StoreError::Unavailable(_) => {
            Refusal::new(ErrorCode::StoreUnavailable, "the store is not available; nothing was stored")
        }
        StoreError::Damaged { .. } => Refusal::new(ErrorCode::StoreDamaged, "a row of the store is damaged"),
    }
}

fn worse(before: Option<StoreError>, error: StoreError) -> Option<StoreError> {
    match before {
        Some(damaged @ StoreError::Damaged { .. }) => Some(damaged),
        _ => Some(error),
    }
}
