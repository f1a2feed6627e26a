//! Reads what memory lacks for the requests at hand, all at once.
//!
//! A store that cannot be read just now makes the lane wait, and with it the senders, for as long as it takes. To refuse some after a while would
//! let those pass that came later: a device whose connection has ended meanwhile does not hear the refusal, and sends the first again behind
//! the second. Only requests that need a damaged row are refused. Nothing of them was stored.

use std::time::Duration;

use hashbrown::HashSet;
use longwave_model::{ConversationId, ErrorCode, Refusal};
use longwave_persistence::StoreError;
use rustc_hash::FxBuildHasher;
use tokio::time::sleep;
use tracing::warn;

use crate::lane::applier::Applier;
use crate::lane::conversation::Conversation;
use crate::lane::keys::DedupKey;
use crate::lane::load::{AllIds, WantedId, load};
use crate::lane::request::Request;
use crate::lane::seen::{Filter, Seen};
use crate::lane::{Lane, WINDOW};

const PAUSE: Duration = Duration::from_millis(100);

/// After so many lookups in a conversation, all its ids are read at once.
const LOOKUPS: u32 = 8;

/// In a conversation of so many entries, at the first.
const SHORT: u64 = 512;

type Set<T> = HashSet<T, FxBuildHasher>;

/// What has to be read.
struct Missing {
    conversations: Vec<ConversationId>,
    ids: Vec<WantedId>,
    /// Conversations all of whose ids are to be known.
    scans: Vec<ConversationId>,
}

impl Lane {
    /// Fetches what the next requests need. Afterwards the first of them can be decided, or is gone.
    pub(super) async fn fetch_missing(&mut self) {
        let Missing { mut conversations, mut ids, mut scans } = self.missing();
        let behind = |applier: &Applier| {
            let wanted = ids.iter().map(|wanted| &wanted.conversation);
            conversations.iter().chain(wanted).chain(&scans).any(|id| applier.has(id))
        };
        if behind(&self.applier) {
            // Forgotten while its latest entries are on their way to the views.
            self.drain().await;
        }
        for attempt in 1_u64.. {
            let stats = &self.parts.stats;
            stats.conversation_reads.fetch_add(conversations.len() as u64, std::sync::atomic::Ordering::Relaxed);
            stats.dedup_reads.fetch_add(ids.len() as u64, std::sync::atomic::Ordering::Relaxed);
            let loaded = load(&*self.parts.store, &self.parts.settings, conversations, ids, scans).await;
            (conversations, ids, scans) = (Vec::new(), Vec::new(), Vec::new());
            let mut damaged = Damaged::default();
            let mut failed = None;
            for (id, conversation) in loaded.conversations {
                match conversation {
                    Ok(conversation) => {
                        if !conversation.exists() {
                            self.absent_conversations.push(id.clone());
                        }
                        self.memory.conversations.put(id, conversation);
                    }
                    Err(error @ StoreError::Damaged { .. }) => damaged.conversations.push((id, error)),
                    Err(error) => {
                        failed = Some(error);
                        conversations.push(id);
                    }
                }
            }
            for (id, all) in loaded.all_ids {
                match all {
                    Ok(all) => self.remember_all(&id, all),
                    // Each id is looked up instead, which tells what is damaged.
                    Err(StoreError::Damaged { .. }) => self.remember_all(&id, None),
                    Err(error) => {
                        failed = Some(error);
                        scans.push(id);
                    }
                }
            }
            for (wanted, found) in loaded.ids {
                match found {
                    Ok(Some(stored)) => self.memory.dedup.put(wanted.key, stored),
                    Ok(None) => {
                        self.memory.absent.insert(wanted.key);
                    }
                    Err(error @ StoreError::Damaged { .. }) => damaged.ids.push((wanted, error)),
                    Err(error) => {
                        failed = Some(error);
                        ids.push(wanted);
                    }
                }
            }
            self.refuse_dependants(&damaged);
            let Some(error) = failed else { return };
            warn!(shard = %self.shard, %error, attempt, "a lane cannot read the store");
            sleep(PAUSE).await;
        }
    }

    /// What the window's requests need and memory lacks, each once.
    fn missing(&mut self) -> Missing {
        let mut conversations: Set<ConversationId> = Set::default();
        let mut scans: Set<ConversationId> = Set::default();
        let mut looked_up: Set<DedupKey> = Set::default();
        let mut ids = Vec::new();
        for request in self.backlog.iter().take(WINDOW) {
            let Some(id) = request.conversation() else { continue };
            let known = self.memory.conversations.get(id);
            if known.is_none() {
                conversations.insert(id.clone());
            }
            let Request::Send(send) = request else { continue };
            let Some(message_id) = &send.id else { continue };
            let key = self.memory.names.publish(id, &send.sender, message_id);
            if self.memory.dedup.peek(&key).is_some() || self.memory.absent.contains(&key) {
                continue;
            }
            match known {
                Some(known) if !known.exists() || known.seen.is_new(&key) => continue,
                Some(Conversation { seen: Seen::Some { lookups }, head, .. }) => {
                    *lookups += 1;
                    if *lookups >= LOOKUPS || head.0 <= SHORT {
                        scans.insert(id.clone());
                        continue;
                    }
                }
                _ => {}
            }
            if looked_up.insert(key) {
                let (sender, message_id) = (send.sender.clone(), message_id.clone());
                ids.push(WantedId { key, conversation: id.clone(), sender, id: message_id });
            }
        }
        Missing { conversations: conversations.into_iter().collect(), ids, scans: scans.into_iter().collect() }
    }

    /// All ids of a conversation were read, or there are too many.
    fn remember_all(&mut self, id: &ConversationId, all: AllIds) {
        let names = &self.memory.names;
        let seen = all.map_or(Seen::TooMany, |all| {
            let mut filter = Filter::new(self.memory.filtered.clone());
            all.iter().for_each(|(sender, message_id)| filter.insert(&names.publish(id, sender, message_id)));
            Seen::All(filter)
        });
        if let Some(conversation) = self.memory.conversations.peek_mut(id) {
            conversation.seen = seen;
        }
    }

    /// Conversations without entries are not worth remembering, and what is known of their users may change.
    pub(super) fn forget_absent(&mut self) {
        for id in std::mem::take(&mut self.absent_conversations) {
            if self.memory.conversations.peek(&id).is_some_and(|conversation| !conversation.exists()) {
                self.memory.conversations.remove(&id);
            }
        }
    }

    fn refuse_dependants(&mut self, damaged: &Damaged) {
        for request in std::mem::take(&mut self.backlog) {
            match damaged.stops(&request) {
                Some(error) => {
                    warn!(shard = %self.shard, %error, "a request needs a damaged row");
                    request.refuse(refusal_of(error));
                }
                None => self.backlog.push_back(request),
            }
        }
    }
}

/// What cannot be read, ever.
#[derive(Default)]
struct Damaged {
    conversations: Vec<(ConversationId, StoreError)>,
    ids: Vec<(WantedId, StoreError)>,
}

impl Damaged {
    /// Why a request cannot be done, if it needs one of them.
    fn stops(&self, request: &Request) -> Option<&StoreError> {
        let wanted = request.conversation()?;
        if let Some((_, error)) = self.conversations.iter().find(|(id, _)| id == wanted) {
            return Some(error);
        }
        let Request::Send(send) = request else { return None };
        let is_same = |id: &WantedId| {
            send.conversation == id.conversation && send.sender == id.sender && send.id.as_ref() == Some(&id.id)
        };
        self.ids.iter().find(|(id, _)| is_same(id)).map(|(_, error)| error)
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
