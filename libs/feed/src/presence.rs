//! Who is online, for people who share a conversation: told when subscribed to, and on change, gathered for a few seconds.
//!
//! A user is online here while it has a session open. Last seen is the latest end of a connection among its session rows;
//! live-only sessions leave no row, so theirs is remembered in memory only, for a bounded number of users, and not across a restart.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use longwave_model::{ConversationId, ConversationKind, UserId};
use longwave_persistence::{InboxRow, MemberRow, StoreError};
use longwave_topics::presence_topic;
use parking_lot::Mutex;
use tracing::warn;

use crate::hub::Hub;
use crate::registry::SHARDS;
use crate::session::{After, Session, event_delivery};

/// Users without a session row whose last connection is remembered.
const REMEMBERED: usize = 10_000;

/// Message Expiry Interval of a presence message, in seconds: a comparison later it would be told anew.
const EXPIRY_SECONDS: u32 = 60;

/// What changed and what is known from memory only.
#[derive(Default)]
pub(crate) struct Presence {
    changed: Mutex<HashSet<UserId>>,
    last_seen: Mutex<HashMap<UserId, u64>>,
}

impl Presence {
    /// A live-only connection ended at `now` (Unix time in milliseconds).
    pub(crate) fn seen(&self, user: &UserId, now: u64) {
        let mut last_seen = self.last_seen.lock();
        if last_seen.len() >= REMEMBERED && !last_seen.contains_key(user) {
            last_seen.clear();
        }
        last_seen.insert(user.clone(), now);
    }
}

/// A user came or went here. Whoever asks later is told of everybody then.
pub(crate) fn changed(hub: &Hub, user: &UserId) {
    hub.elsewhere.presence_changed(user);
    note(hub, user);
}

/// Sessions that want to know anybody's presence are told again of all.
pub(crate) fn tell_again(hub: &Arc<Hub>) {
    if !hub.registry.anyone_watches_presence() {
        return;
    }
    for session in (0..SHARDS).flat_map(|shard| hub.registry.in_shard(shard)) {
        let after = {
            let mut state = session.state.lock();
            if !state.filters.any_presence() {
                continue;
            }
            state.active().presence = true;
            session.finish(&mut state, After::default(), hub)
        };
        session.follow_up(hub, after);
    }
}

/// A user came or went, here or elsewhere.
pub(crate) fn note(hub: &Hub, user: &UserId) {
    if hub.registry.anyone_watches_presence() {
        hub.presence.changed.lock().insert(user.clone());
    }
}

/// Tells what changed, again and again.
pub(crate) async fn run(hub: Arc<Hub>) {
    loop {
        tokio::time::sleep(hub.settings.presence_interval).await;
        tell_changed(&hub).await;
    }
}

/// Tells those who want to know of everyone who came or went.
pub(crate) async fn tell_changed(hub: &Arc<Hub>) {
    let changed = std::mem::take(&mut *hub.presence.changed.lock());
    for user in changed {
        if let Err(error) = tell_of(hub, &user).await {
            warn!(%user, %error, "presence not told");
        }
    }
}

async fn tell_of(hub: &Arc<Hub>, user: &UserId) -> Result<(), StoreError> {
    let mut state = None;
    for other in acquaintances(hub, user).await? {
        for session in hub.registry.of(&other) {
            if *session.user() == other && session.state.lock().filters.wants_presence(user) {
                let known = match state.clone() {
                    Some(known) => known,
                    None => state.insert(presence_of(hub, user).await?).clone(),
                };
                push(hub, &session, user, known);
            }
        }
    }
    Ok(())
}

/// Finds out of whose presence a session is to be told, among those it asked for.
pub(crate) async fn find_people(hub: &Arc<Hub>, session: &Arc<Session>) -> Result<(), StoreError> {
    let filters = session.state.lock().filters.clone();
    let mut people: Vec<UserId> = Vec::new();
    if filters.every_presence() {
        people = acquaintances(hub, session.user()).await?;
    } else {
        for other in filters.named_presence() {
            if !people.contains(other) && share(hub, session.user(), other).await? {
                people.push(other.clone());
            }
        }
    }
    session.state.lock().active().people = people;
    Ok(())
}

/// Tells a session whether one of them is online.
pub(crate) async fn tell_one(hub: &Arc<Hub>, session: &Arc<Session>, other: &UserId) -> Result<(), StoreError> {
    let state = presence_of(hub, other).await?;
    push(hub, session, other, state);
    Ok(())
}

fn push(hub: &Arc<Hub>, session: &Arc<Session>, about: &UserId, state: bytes::Bytes) {
    let topic = presence_topic(session.user(), about);
    session.push(hub, event_delivery(topic.into(), state, Some(EXPIRY_SECONDS)), hub.settings.events);
}

/// `online`, or `offline` and the Unix time in seconds of the last connection's end, 0 if it is not known.
async fn presence_of(hub: &Hub, user: &UserId) -> Result<bytes::Bytes, StoreError> {
    if hub.registry.is_online(user) || hub.elsewhere.is_online(user).await {
        return Ok(bytes::Bytes::from_static(b"online"));
    }
    let rows = hub.store.sessions(user).await?;
    // A crash leaves no end: then the connection is known to have begun.
    let stored = rows.iter().map(|row| row.disconnected_at.unwrap_or(row.connected_at)).max();
    let remembered = hub.presence.last_seen.lock().get(user).copied();
    let seconds = stored.max(remembered).unwrap_or(0) / 1000;
    Ok(format!("offline {seconds}").into())
}

/// The other members of a user's direct conversations and groups, up to a limit.
async fn acquaintances(hub: &Hub, user: &UserId) -> Result<Vec<UserId>, StoreError> {
    let mut people = HashSet::new();
    for row in hub.store.inbox(user).await?.into_iter().filter(is_shared) {
        match row.conversation.peers() {
            Some((one, other)) => people.extend([one, other].into_iter().filter_map(|peer| UserId::parse(peer).ok())),
            None => {
                let members = hub.store.members(&row.conversation).await?;
                people.extend(members.into_iter().filter(MemberRow::is_present).map(|member| member.user));
            }
        }
        if people.len() > hub.settings.presence_people {
            break;
        }
    }
    people.remove(user);
    Ok(people.into_iter().take(hub.settings.presence_people).collect())
}

/// Whether two users share a direct conversation or a group.
async fn share(hub: &Hub, user: &UserId, other: &UserId) -> Result<bool, StoreError> {
    if hub.store.inbox_row(user, &ConversationId::direct(user, other)).await?.is_some() {
        return Ok(true);
    }
    for row in hub.store.inbox(user).await?.into_iter().filter(is_shared) {
        if row.kind == ConversationKind::Group
            && hub.store.member(&row.conversation, other).await?.is_some_and(|member| member.is_present())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_shared(row: &InboxRow) -> bool {
    row.kind != ConversationKind::Channel && row.left.is_none_or(|left| left < row.joined)
}
