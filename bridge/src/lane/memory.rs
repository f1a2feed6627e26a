//! What a lane remembers, all of it bounded, all of it found again in the store or harmless to lose.
//!
//! Message ids: where all of a conversation's are known (`seen`), one that is not among them is new (protocol rule 19); otherwise it is
//! looked up. Publishes without an id: the latest per session and packet id, because a packet
//! id is used again only after its acknowledgement arrived (protocol rule 20).

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hashbrown::HashSet;
use longwave_model::{ConversationId, Entry, Origin};
use longwave_persistence::Stored;
use rustc_hash::FxBuildHasher;

use crate::lane::conversation::Conversation;
use crate::lane::keys::{ChainKey, DedupKey, Names, ResendKey, SessionMark};
use crate::lane::recent::Recent;
use crate::lane::request::Order;
use crate::settings::BridgeSettings;

/// Ids in the filters of a lane's conversations at most, 2 bytes each where there are many.
const FILTERED: usize = 1_000_000;

/// A publish without an id that was stored. Its topic, hence its conversation, is part of the origin's fingerprint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResendRecord {
    pub(crate) origin: Origin,
    pub(crate) stored: Stored,
}

/// A lane's memory.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) names: Names,
    pub(crate) conversations: Recent<ConversationId, Conversation>,
    pub(crate) dedup: Recent<DedupKey, Stored>,
    pub(crate) resends: Recent<ResendKey, ResendRecord>,
    /// Looked up and not stored; nobody but this lane can store them. Emptied after each turn.
    pub(crate) absent: HashSet<DedupKey, FxBuildHasher>,
    /// The latest time given to an entry, Unix milliseconds.
    pub(crate) last_ts: u64,
    /// Ids in the filters of all conversations.
    pub(crate) filtered: Arc<AtomicUsize>,
    connections: Recent<SessionMark, u64>,
    /// The latest publish taken, by connection and number, of sessions whose publishes come from another process.
    taken: Recent<ChainKey, (u64, u64)>,
}

impl Memory {
    /// `window` is the number of requests of one turn: what they touch must not be forgotten before it ends.
    pub(crate) fn new(settings: &BridgeSettings, window: usize) -> Self {
        Self {
            names: Names::default(),
            conversations: Recent::new(settings.cached_conversations.max(4 * window)),
            dedup: Recent::new(settings.dedup_entries.max(4 * window)),
            resends: Recent::new(settings.resend_entries),
            absent: HashSet::default(),
            last_ts: 0,
            filtered: Arc::default(),
            connections: Recent::new(settings.session_entries),
            taken: Recent::new(settings.session_entries),
        }
    }

    /// Forgets all that another owner may have made untrue.
    pub(crate) fn clear(&mut self) {
        self.conversations.clear();
        self.dedup.clear();
        self.resends.clear();
        self.taken.clear();
        self.absent.clear();
    }

    /// Whether a publish of this connection is to be taken: not after one of a later connection (protocol rule 21).
    pub(crate) fn is_current(&mut self, session: SessionMark, connection: u64) -> bool {
        match self.connections.get(&session) {
            Some(latest) if *latest > connection => false,
            Some(latest) => {
                *latest = connection;
                true
            }
            None => {
                self.connections.put(session, connection);
                true
            }
        }
    }

    /// Whether what must come before a publish has been taken by this owner (protocol rule 21).
    pub(crate) fn is_next(&mut self, chain: ChainKey, connection: u64, order: &Order) -> bool {
        order.after == 0 || self.taken.get(&chain).is_some_and(|taken| taken.0 == connection && taken.1 >= order.after)
    }

    /// A publish was decided.
    pub(crate) fn take(&mut self, chain: ChainKey, connection: u64, number: u64) {
        let taken = self.taken.get(&chain).copied().unwrap_or_default();
        self.taken.put(chain, taken.max((connection, number)));
    }

    /// A stored entry of this owner, and the session that published it.
    pub(crate) fn learn(&mut self, entry: &Entry, session: Option<SessionMark>) {
        let stored = Stored { seq: entry.seq, ts: entry.ts };
        if let Some(id) = &entry.id {
            let key = self.names.publish(&entry.conversation, &entry.sender, id);
            self.dedup.put(key, stored);
            if let Some(conversation) = self.conversations.peek_mut(&entry.conversation) {
                conversation.seen.insert(&key, FILTERED);
            }
        }
        if let (Some(origin), Some(session)) = (entry.origin, session) {
            let key = ResendKey { session, packet_id: origin.packet_id };
            self.resends.put(key, ResendRecord { origin, stored });
        }
    }

    /// An entry of the retained tail, from before this owner.
    pub(crate) fn learn_from_tail(&mut self, entry: &Entry) {
        self.last_ts = self.last_ts.max(entry.ts);
        // A service's entries name no device, so its resends are not recognised across a restart: stored again, never lost.
        let session = entry.device.as_ref().map(|device| self.names.session(&entry.sender, device));
        self.learn(entry, session);
    }
}
