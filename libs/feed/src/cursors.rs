//! Writing cursors behind: what rose since the last time, of all sessions together, in one write; with it the delivered marks.
//!
//! A lost write repeats a delivery and loses nothing. Live-only sessions have no cursors; they raise the delivered mark only when
//! nothing below what they acknowledged is owed to their user (protocol rule 14).

use std::sync::Arc;

use hashbrown::HashMap;
use longwave_model::{ConversationId, Seq, UserId};
use longwave_persistence::{CursorRaise, MarkRaise, StoreError};
use longwave_port::MarkSignal;
use tracing::warn;

use crate::hub::Hub;
use crate::marks;
use crate::session::Session;
use crate::stats::add;

/// Cursors and marks of one write.
const BATCH: usize = 2048;

/// Writes what has risen, again and again.
pub(crate) async fn run(hub: Arc<Hub>) {
    loop {
        tokio::time::sleep(hub.settings.flush_interval).await;
        if let Err(error) = flush_dirty(&hub).await {
            warn!(%error, "cursors not written, will be tried again");
        }
    }
}

/// Writes what has risen in all sessions.
pub(crate) async fn flush_dirty(hub: &Arc<Hub>) -> Result<(), StoreError> {
    let sessions = std::mem::take(&mut *hub.dirty.lock());
    if sessions.is_empty() { Ok(()) } else { flush(hub, &sessions).await }
}

/// Writes what has risen in these sessions. What fails stays to be written.
pub(crate) async fn flush(hub: &Arc<Hub>, sessions: &[Arc<Session>]) -> Result<(), StoreError> {
    let mut raises: Vec<Raise> = sessions.iter().flat_map(collect).collect();
    while !raises.is_empty() {
        let rest = raises.split_off(raises.len().min(BATCH));
        if let Err(error) = write(hub, &raises).await {
            for raise in raises.iter().chain(&rest) {
                restore(hub, raise);
            }
            return Err(error);
        }
        raises = rest;
    }
    Ok(())
}

/// A cursor that rose.
struct Raise {
    session: Arc<Session>,
    conversation: ConversationId,
    cursor: u64,
    start: u64,
    delivered: Option<u64>,
    tell: bool,
    members: Option<Arc<Vec<UserId>>>,
}

/// What the cursors of a user's devices mean for its delivered mark.
struct Rise<'a> {
    to: u64,
    known: u64,
    tell: bool,
    members: Option<&'a Arc<Vec<UserId>>>,
}

fn collect(session: &Arc<Session>) -> Vec<Raise> {
    let mut state = session.state.lock();
    state.dirty = false;
    let Some(active) = &mut state.active else { return Vec::new() };
    let raised = active.conversations.iter_mut().filter_map(|(id, conversation)| {
        Some(Raise {
            session: session.clone(),
            conversation: id.clone(),
            cursor: conversation.unstored()?,
            start: conversation.start,
            delivered: conversation.delivered,
            tell: std::mem::take(&mut conversation.tell),
            members: conversation.members.clone(),
        })
    });
    raised.collect()
}

async fn write(hub: &Arc<Hub>, raises: &[Raise]) -> Result<(), StoreError> {
    let cursors: Vec<CursorRaise> = raises
        .iter()
        .filter(|raise| !raise.session.live_only)
        .map(|raise| CursorRaise {
            user: raise.session.user().clone(),
            device: raise.session.device().clone(),
            conversation: raise.conversation.clone(),
            seq: Seq(raise.cursor),
        })
        .collect();
    let rises = rises(hub, raises).await?;
    let ts = hub.now();
    let marks: Vec<MarkRaise> = rises
        .iter()
        .map(|((conversation, user), rise)| MarkRaise {
            conversation: (*conversation).clone(),
            user: (*user).clone(),
            delivered: Seq(rise.to),
            read: Seq::ZERO,
            ts,
        })
        .collect();
    add(&hub.stats.cursor_raises, cursors.len() as u64);
    add(&hub.stats.mark_raises, marks.len() as u64);
    if !cursors.is_empty() || !marks.is_empty() {
        hub.store.raise(cursors, marks).await?;
    }
    for raise in raises {
        stored(raise);
    }
    for ((conversation, user), rise) in rises {
        remember(hub, conversation, user, rise.to);
        if rise.tell {
            tell(hub, conversation, user, &rise).await;
        }
    }
    Ok(())
}

/// The delivered marks that rise.
async fn rises<'a>(
    hub: &Hub,
    raises: &'a [Raise],
) -> Result<HashMap<(&'a ConversationId, &'a UserId), Rise<'a>>, StoreError> {
    let mut rises: HashMap<(&ConversationId, &UserId), Rise<'a>> = HashMap::new();
    // Live-only sessions last: what the other devices have may make theirs contiguous.
    let (live_only, durable): (Vec<&Raise>, Vec<&Raise>) = raises.iter().partition(|raise| raise.session.live_only);
    for raise in durable.into_iter().chain(live_only) {
        let key = (&raise.conversation, raise.session.user());
        if !rises.contains_key(&key) {
            let known = match raise.delivered {
                Some(delivered) => delivered,
                None => hub.store.mark(key.0, key.1).await?.map_or(0, |mark| mark.delivered.0),
            };
            rises.insert(key, Rise { to: known, known, tell: false, members: None });
        }
        let Some(rise) = rises.get_mut(&key) else { continue };
        let is_contiguous = !raise.session.live_only || raise.start <= rise.to;
        if raise.cursor > rise.to && is_contiguous {
            rise.to = raise.cursor;
            rise.tell |= raise.tell;
        }
        rise.members = rise.members.or(raise.members.as_ref());
    }
    rises.retain(|_, rise| rise.to > rise.known);
    Ok(rises)
}

/// The write has succeeded.
fn stored(raise: &Raise) {
    let mut state = raise.session.state.lock();
    if let Some(active) = &mut state.active
        && let Some(conversation) = active.conversations.get_mut(&raise.conversation)
    {
        conversation.stored = conversation.stored.max(raise.cursor);
    }
}

/// The write has failed.
fn restore(hub: &Hub, raise: &Raise) {
    let mut state = raise.session.state.lock();
    if let Some(active) = &mut state.active
        && let Some(conversation) = active.conversations.get_mut(&raise.conversation)
    {
        conversation.tell |= raise.tell;
    }
    if !state.closed && !std::mem::replace(&mut state.dirty, true) {
        drop(state);
        hub.dirty.lock().push(raise.session.clone());
    }
}

/// The user's other sessions here need not write the same mark.
fn remember(hub: &Hub, conversation: &ConversationId, user: &UserId, delivered: u64) {
    for session in hub.registry.of(user).iter().filter(|session| session.user() == user) {
        if let Some(active) = &mut session.state.lock().active
            && let Some(conversation) = active.conversations.get_mut(conversation)
        {
            conversation.delivered = conversation.delivered.max(Some(delivered));
        }
    }
}

async fn tell(hub: &Arc<Hub>, conversation: &ConversationId, user: &UserId, rise: &Rise<'_>) {
    match marks::audience(hub, conversation, rise.members.cloned()).await {
        Ok(Some(to)) => {
            let mark = MarkSignal {
                conversation: conversation.clone(),
                user: user.clone(),
                delivered: Seq(rise.to),
                read: Seq::ZERO,
                to,
            };
            if let longwave_port::Recipients::Users(members) = &mark.to {
                marks::tell(hub, &mark, members);
                hub.elsewhere.mark(&mark);
            }
        }
        Ok(None) => {}
        // It is stored, and told at the members' next start.
        Err(error) => warn!(%error, "members not read, mark not told"),
    }
}
