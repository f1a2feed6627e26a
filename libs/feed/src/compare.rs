//! Comparing what a session has with what its user's inbox says: at the start, after a subscription, and again by a timer, because
//! a wake-up may be lost (protocol rule 17).
//!
//! The caller has registered the session before, so that an entry stored while the inbox is read comes over the bus.

use std::sync::Arc;

use hashbrown::HashMap;
use longwave_model::{ConversationId, ConversationKind, DeviceId, Seq, UserId};
use longwave_persistence::{InFlight, InboxRow, StoreError};
use longwave_topics::{Encoding, FilterSet};
use rand::Rng as _;
use tracing::warn;

use crate::hub::Hub;
use crate::item::Item;
use crate::position::Position;
use crate::registry::SHARDS;
use crate::session::{After, Conversation, Idle, Place, Session, State};
use crate::stats::add;
use crate::{channels, fault};

/// Compares the sessions of one shard after the other, so that each has its turn once per interval.
pub(crate) async fn run(hub: Arc<Hub>) {
    let pause = hub.settings.compare_interval / u32::try_from(SHARDS).unwrap_or(u32::MAX);
    for shard in (0..SHARDS).cycle() {
        let jitter = rand::rng().random_range(0.5..1.5);
        tokio::time::sleep(pause.mul_f64(jitter)).await;
        compare_shard(&hub, shard).await;
    }
}

/// Compares all sessions.
pub(crate) async fn compare_all(hub: &Arc<Hub>) {
    for shard in 0..SHARDS {
        compare_shard(hub, shard).await;
    }
}

async fn compare_shard(hub: &Arc<Hub>, shard: usize) {
    for session in hub.registry.in_shard(shard) {
        compare_session(hub, &session).await;
    }
}

/// Compares the sessions of one device.
pub(crate) async fn compare_device(hub: &Arc<Hub>, user: &UserId, device: &DeviceId) {
    for session in hub.registry.of(user).iter().filter(|session| session.user() == user && session.device() == device) {
        compare_session(hub, session).await;
    }
}

async fn compare_session(hub: &Arc<Hub>, session: &Arc<Session>) {
    let lost_since = {
        let mut state = session.state.lock();
        if state.holds > 0 {
            // It is being opened, or subscribes, and compares by itself.
            return;
        }
        state.tidy(session.live_only, Idle::SinceLastTime, |conversation| hub.registry.fingerprint(conversation));
        state.rare.as_mut().and_then(|rare| rare.lost_since.take())
    };
    match compare(hub, session, &[]).await {
        Ok(conversations) => {
            if let Some(since) = lost_since {
                crate::marks::look_at(hub, session, conversations, since);
            }
        }
        Err(error) => warn!(user = %session.user(), device = %session.device(), %error, "comparison failed"),
    }
}

/// Makes positions of what the session is owed, `in_flight` being what its earlier connection had sent. Returns the conversations
/// about whose marks it may be told.
pub(crate) async fn compare(
    hub: &Arc<Hub>,
    session: &Arc<Session>,
    in_flight: &[InFlight],
) -> Result<Vec<ConversationId>, StoreError> {
    add(&hub.stats.comparisons, 1);
    let rows = wanted(hub, session).await?;
    let cursors: HashMap<ConversationId, Seq> = if session.live_only || rows.is_empty() {
        HashMap::new()
    } else {
        hub.store.cursors(session.user(), session.device()).await?.into_iter().collect()
    };
    let mut marked = Vec::new();
    let after = {
        let mut state = session.state.lock();
        let state = &mut *state;
        let mut after = After::default();
        if session.live_only && state.holds > 0 {
            // Where it begins is being decided just now.
            return Ok(marked);
        }
        for (row, head) in rows {
            let id = &row.conversation;
            let Some((encoding, qos)) = state.filters.encoding_for(id) else { continue };
            if encoding != Encoding::Raw && row.kind != ConversationKind::Channel && left(&row).is_none() {
                marked.push(id.clone());
            }
            if qos == 0 || state.closed {
                continue;
            }
            let cursor = if session.live_only {
                let key = hub.registry.fingerprint(id);
                state.baseline(key)
            } else {
                cursors.get(id).map(|seq| seq.0)
            };
            let owed = Owed { row: &row, head: head.0, cursor: cursor.unwrap_or(0), encoding, in_flight };
            place(hub, session, state, &owed, &mut after);
        }
        session.finish(state, after, hub)
    };
    session.follow_up(hub, after);
    Ok(marked)
}

/// Where all conversations of a user stand now (protocol rule 14).
pub(crate) async fn heads(hub: &Hub, user: &UserId) -> Result<Vec<(ConversationId, Seq)>, StoreError> {
    let mut heads = Vec::new();
    for row in hub.store.inbox(user).await? {
        let head = head(hub, &row).await?;
        heads.push((row.conversation, head));
    }
    Ok(heads)
}

/// Live-only: what the session newly subscribes to begins where it stands now.
pub(crate) async fn set_baseline(hub: &Arc<Hub>, session: &Arc<Session>, before: &FilterSet) -> Result<(), StoreError> {
    let rows = wanted(hub, session).await?;
    let mut state = session.state.lock();
    let baseline = &mut state.rare().baseline;
    for (row, head) in rows {
        if before.encoding_for(&row.conversation).is_none_or(|(_, qos)| qos == 0) {
            baseline.insert(hub.registry.fingerprint(&row.conversation), head.0);
        }
    }
    Ok(())
}

/// The inbox rows that the session's filters match, with their heads. Registers interest in channels before their heads are read.
async fn wanted(hub: &Arc<Hub>, session: &Arc<Session>) -> Result<Vec<(InboxRow, Seq)>, StoreError> {
    let filters = session.state.lock().filters.clone();
    let rows = if filters.every_conversation() {
        let mut rows = hub.store.inbox(session.user()).await?;
        rows.retain(|row| filters.encoding_for(&row.conversation).is_some());
        rows
    } else {
        let mut rows = Vec::new();
        for id in filters.named_conversations() {
            rows.extend(hub.store.inbox_row(session.user(), id).await?);
        }
        rows
    };
    let present: Vec<ConversationId> = rows
        .iter()
        .filter(|row| row.kind == ConversationKind::Channel && left(row).is_none())
        .map(|row| row.conversation.clone())
        .collect();
    for channel in &present {
        channels::join(hub, session, channel);
    }
    channels::keep_only(hub, session, &present);
    if !present.is_empty() {
        hub.elsewhere.interested(&present).await;
    }
    let mut with_heads = Vec::with_capacity(rows.len());
    for row in rows {
        let head = head(hub, &row).await?;
        with_heads.push((row, head));
    }
    Ok(with_heads)
}

async fn head(hub: &Hub, row: &InboxRow) -> Result<Seq, StoreError> {
    if row.kind != ConversationKind::Channel {
        return Ok(row.head);
    }
    Ok(hub.store.head(&row.conversation).await?.map_or(row.head, |head| head.seq))
}

/// The seq at which the membership ended, if it did.
fn left(row: &InboxRow) -> Option<u64> {
    row.left.filter(|left| *left >= row.joined).map(|left| left.0)
}

/// What the store says about a conversation and a device.
struct Owed<'a> {
    row: &'a InboxRow,
    head: u64,
    cursor: u64,
    encoding: Encoding,
    in_flight: &'a [InFlight],
}

impl Owed<'_> {
    fn position(&self, cursor: u64) -> Position<Item> {
        let mut position = Position::new(cursor, self.row.joined.0, left(self.row));
        position.raise_head(self.head);
        position
    }

    fn resumed(&self, cursor: u64) -> Position<Item> {
        let mut position = self.position(cursor);
        position.resume(self.sent());
        position
    }

    /// What was sent on the earlier connection.
    fn sent(&self) -> impl Iterator<Item = u64> {
        let sent = self.in_flight.iter().filter(|sent| sent.conversation == self.row.conversation);
        sent.map(|sent| sent.seq.0)
    }
}

fn place(hub: &Arc<Hub>, session: &Arc<Session>, state: &mut State, owed: &Owed<'_>, after: &mut After) {
    let id = &owed.row.conversation;
    let active = state.active.as_deref_mut();
    match active.and_then(|active| active.conversations.get_mut(id)).map(|conversation| &mut conversation.place) {
        Some(Place::Loading { .. }) => {
            // A live entry came first. Whoever reads where the device stands sees the row as it is now, but not what was in flight.
            if owed.sent().next().is_some() {
                let position = owed.resumed(owed.cursor);
                let placed = session.place(hub, state, id, position);
                *after = After { wake: after.wake || placed.wake, dirty: after.dirty || placed.dirty, fill: false };
            }
            return;
        }
        Some(Place::Known(position)) => {
            let before = position.queued();
            position.set_bounds(owed.row.joined.0, left(owed.row));
            position.raise_head(owed.head);
            let now = position.queued();
            state.active().requeue(before, now);
        }
        None => {
            if owed.position(owed.cursor).is_caught_up() {
                return;
            }
            let position = owed.resumed(owed.cursor + fault::skipped_entries());
            state.active().conversations.insert(id.clone(), Conversation::at(position, owed.encoding));
        }
    }
    session.after_change(state.active(), id, after);
}
