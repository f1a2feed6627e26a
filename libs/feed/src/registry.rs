//! Who is connected here: sessions by user, and by channel for those that want it. Sharded, so that two users rarely share a lock.
//!
//! Callers get copies of the handles and work on them outside the lock. A session is a few hundred bytes, and so an entry here is
//! kept small: the key shares the session's own user id.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap};
use longwave_model::{ConversationId, DeviceId, UserId};
use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::session::Session;

/// Number of shards; the periodic comparison visits one at a time.
pub(crate) const SHARDS: usize = 64;

/// Copied handles of sessions.
pub(crate) type Sessions = SmallVec<[Arc<Session>; 4]>;

/// The sessions of one user: nearly always one.
type Slot = SmallVec<[Arc<Session>; 1]>;

type Shard<K, V> = RwLock<HashMap<K, V>>;

/// All sessions of this process.
pub(crate) struct Registry {
    hasher: DefaultHashBuilder,
    users: Box<[Shard<UserId, Slot>]>,
    channels: Box<[Shard<ConversationId, Vec<Arc<Session>>>]>,
    /// Sessions of services by the users that they watch; usually none, which the number beside tells without a lock.
    watchers: Shard<UserId, Vec<Arc<Session>>>,
    watched: AtomicUsize,
    /// Sessions that want to know of somebody's presence.
    presence: AtomicUsize,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            users: (0..SHARDS).map(|_| RwLock::default()).collect(),
            channels: (0..SHARDS).map(|_| RwLock::default()).collect(),
            watchers: RwLock::default(),
            watched: AtomicUsize::new(0),
            presence: AtomicUsize::new(0),
        }
    }

    /// A number for a conversation id, the same as long as the process lives.
    pub(crate) fn fingerprint(&self, conversation: &ConversationId) -> u64 {
        self.hasher.hash_one(conversation.as_str())
    }

    /// Adds a session; returns whether it is its user's first.
    pub(crate) fn insert(&self, session: &Arc<Session>) -> bool {
        let mut users = self.user_shard(session.user()).write();
        let slot = users.entry(session.user().clone()).or_default();
        slot.push(session.clone());
        slot.len() == 1
    }

    /// Removes a session; returns whether it was there and its user's last.
    pub(crate) fn remove(&self, session: &Arc<Session>) -> bool {
        let mut users = self.user_shard(session.user()).write();
        let Some(slot) = users.get_mut(session.user()) else { return false };
        slot.retain(|other| !Arc::ptr_eq(other, session));
        let last = slot.is_empty();
        if last {
            users.remove(session.user());
        }
        last
    }

    /// Lets a service's session see what goes to `user`.
    pub(crate) fn watch(&self, user: &UserId, session: &Arc<Session>) {
        let mut watchers = self.watchers.write();
        let of_user = watchers.entry(user.clone()).or_default();
        if !of_user.iter().any(|other| Arc::ptr_eq(other, session)) {
            of_user.push(session.clone());
        }
        self.watched.store(watchers.len(), Ordering::Release);
    }

    /// Undoes [`Self::watch`].
    pub(crate) fn unwatch(&self, user: &UserId, session: &Arc<Session>) {
        let mut watchers = self.watchers.write();
        if let Some(of_user) = watchers.get_mut(user) {
            of_user.retain(|other| !Arc::ptr_eq(other, session));
            if of_user.is_empty() {
                watchers.remove(user);
            }
        }
        self.watched.store(watchers.len(), Ordering::Release);
    }

    /// The sessions of a user, and the services that watch it.
    pub(crate) fn of(&self, user: &UserId) -> Sessions {
        let mut sessions: Sessions =
            self.user_shard(user).read().get(user).into_iter().flat_map(|slot| slot.iter().cloned()).collect();
        if self.watched.load(Ordering::Acquire) > 0 {
            sessions.extend(self.watchers.read().get(user).into_iter().flatten().cloned());
        }
        sessions
    }

    /// Whether a user has a session of its own here.
    pub(crate) fn is_online(&self, user: &UserId) -> bool {
        self.user_shard(user).read().get(user).is_some()
    }

    /// Registers a session's interest in a channel.
    pub(crate) fn join_channel(&self, channel: &ConversationId, session: &Arc<Session>) {
        let mut channels = self.channel_shard(channel).write();
        let sessions = channels.entry(channel.clone()).or_default();
        if !sessions.iter().any(|other| Arc::ptr_eq(other, session)) {
            sessions.push(session.clone());
        }
    }

    /// Undoes [`Self::join_channel`].
    pub(crate) fn leave_channel(&self, channel: &ConversationId, session: &Arc<Session>) {
        let mut channels = self.channel_shard(channel).write();
        if let Some(sessions) = channels.get_mut(channel) {
            sessions.retain(|other| !Arc::ptr_eq(other, session));
            if sessions.is_empty() {
                channels.remove(channel);
            }
        }
    }

    /// Whether a session is interested in this channel.
    pub(crate) fn has_channel(&self, channel: &ConversationId) -> bool {
        self.channel_shard(channel).read().contains_key(channel)
    }

    /// The sessions that are interested in a channel.
    pub(crate) fn in_channel(&self, channel: &ConversationId) -> Vec<Arc<Session>> {
        self.channel_shard(channel).read().get(channel).cloned().unwrap_or_default()
    }

    /// A session began (or ceased) to want to know of somebody's presence.
    pub(crate) fn watches_presence(&self, before: bool, now: bool) {
        if now && !before {
            self.presence.fetch_add(1, Ordering::Relaxed);
        } else if before && !now {
            self.presence.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether any session does.
    pub(crate) fn anyone_watches_presence(&self) -> bool {
        self.presence.load(Ordering::Relaxed) > 0
    }

    /// All that services watch.
    pub(crate) fn all_watched(&self) -> Vec<(UserId, DeviceId)> {
        let watchers = self.watchers.read();
        let pairs = watchers.iter().flat_map(|(user, sessions)| sessions.iter().map(move |session| (user, session)));
        pairs.map(|(user, session)| (user.clone(), session.device().clone())).collect()
    }

    /// All channels that have interested sessions.
    pub(crate) fn all_channels(&self) -> Vec<ConversationId> {
        self.channels.iter().flat_map(|shard| shard.read().keys().cloned().collect::<Vec<_>>()).collect()
    }

    /// The sessions of one shard of users.
    pub(crate) fn in_shard(&self, shard: usize) -> Vec<Arc<Session>> {
        self.users[shard % SHARDS].read().values().flat_map(|slot| slot.iter().cloned()).collect()
    }

    fn user_shard(&self, user: &UserId) -> &Shard<UserId, Slot> {
        &self.users[self.shard(user.as_str())]
    }

    fn channel_shard(&self, channel: &ConversationId) -> &Shard<ConversationId, Vec<Arc<Session>>> {
        &self.channels[self.shard(channel.as_str())]
    }

    fn shard(&self, key: &str) -> usize {
        // The remainder is below SHARDS.
        usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0)
    }
}
