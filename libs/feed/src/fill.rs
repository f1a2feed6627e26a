//! The task that reads for a session. It exists only while there is something to read and room for it.
//!
//! A page is read when at most half a page is waiting, so a slow device costs its in-flight window and one page, however long its
//! backlog is. What fails is tried again after a pause, as long as the session is open.

use std::ops::RangeInclusive;
use std::sync::Arc;

use longwave_model::{ConversationId, Seq};
use longwave_persistence::{Direction, Head, InFlight, Page, StoreError};
use longwave_topics::Encoding;
use tracing::warn;

use crate::encoded::is_delivered;
use crate::hub::Hub;
use crate::item::Item;
use crate::position::Position;
use crate::session::{After, Job, Membership, Place, Session, State};
use crate::stats::add;
use crate::{marks, presence};

/// Reads until there is nothing left to read or no room for it.
pub(crate) async fn run(hub: Arc<Hub>, session: Arc<Session>) {
    loop {
        let job = session.state.lock().next_job(&hub);
        let Some(job) = job else { return };
        let outcome = match &job {
            Job::Resume(in_flight) => resume(&hub, &session, in_flight).await,
            Job::Load(conversation) => load(&hub, &session, conversation).await,
            Job::Page(conversation, range) => page(&hub, &session, conversation, range.clone()).await,
            Job::Marks(conversation, since) => marks::tell_changed(&hub, &session, conversation, *since).await,
            Job::Presence => presence::find_people(&hub, &session).await,
            Job::Person(user) => presence::tell_one(&hub, &session, user).await,
        };
        if let Err(error) = outcome {
            warn!(user = %session.user(), device = %session.device(), %error, "read for a session failed");
            add(&hub.stats.read_failures, 1);
            session.state.lock().again(job);
            tokio::time::sleep(hub.settings.retry_interval).await;
        }
    }
}

/// Reads what the earlier connection had in flight, in its order.
async fn resume(hub: &Arc<Hub>, session: &Arc<Session>, in_flight: &[InFlight]) -> Result<(), StoreError> {
    let mut found = Vec::with_capacity(in_flight.len());
    for sent in in_flight {
        let seq = sent.seq.0;
        let page = hub.store.page(&sent.conversation, seq..=seq, Direction::Forward, 1, usize::MAX).await?;
        found.push((sent.clone(), page.entries.into_iter().find(|entry| entry.seq == sent.seq)));
    }
    let after = {
        let mut state = session.state.lock();
        if let Some(active) = &mut state.active {
            active.resumed(found);
        }
        session.finish(&mut state, After { wake: true, dirty: true, fill: false }, hub)
    };
    // This task goes on by itself.
    session.follow_up(hub, after);
    Ok(())
}

/// Reads where the device stands in a conversation of which a live entry came.
async fn load(hub: &Arc<Hub>, session: &Arc<Session>, conversation: &ConversationId) -> Result<(), StoreError> {
    let cursor = if session.live_only {
        let key = hub.registry.fingerprint(conversation);
        session.state.lock().baseline(key)
    } else {
        hub.store.cursor(session.user(), session.device(), conversation).await?.map(|seq| seq.0)
    };
    // The name of a direct conversation says who its members are.
    let is_peer = conversation.peers().is_some_and(|(one, other)| [one, other].contains(&session.user().as_str()));
    let row = if is_peer { None } else { hub.store.inbox_row(session.user(), conversation).await? };
    let after = {
        let mut state = session.state.lock();
        let bounds = match row {
            Some(row) => Some((row.joined.0, row.left.filter(|left| *left >= row.joined).map(|left| left.0))),
            None if is_peer => Some((1, None)),
            None => joined_by(&state, session, conversation).map(|joined| (joined, None)),
        };
        let after = match bounds {
            Some((joined, left)) => {
                let position = Position::new(cursor.unwrap_or(0), joined, left);
                session.place(hub, &mut state, conversation, position)
            }
            None => {
                if let Some(active) = &mut state.active {
                    active.conversations.remove(conversation);
                }
                After::default()
            }
        };
        session.finish(&mut state, after, hub)
    };
    session.follow_up(hub, after);
    Ok(())
}

/// The waiting live entry that made the user a member: its inbox row may not be written yet.
fn joined_by(state: &State, session: &Session, conversation: &ConversationId) -> Option<u64> {
    let Place::Loading { pending, .. } = &state.active.as_ref()?.conversations.get(conversation)?.place else {
        return None;
    };
    pending
        .iter()
        .rev()
        .find(|live| Membership::of(&live.entry, session.user()) == Some(Membership::Begins))
        .map(|live| live.entry.seq.0)
}

/// A page of the latest entries of a busy conversation, without the store.
async fn recall(hub: &Hub, conversation: &ConversationId, range: RangeInclusive<u64>) -> Option<Page> {
    if conversation.is_direct() {
        return None;
    }
    let mut entries = hub.elsewhere.recall(conversation, range).await?;
    let mut bytes = 0;
    let fitting = entries.iter().take_while(|entry| {
        let fits = bytes == 0 || bytes < hub.settings.page_bytes;
        bytes += entry.message().map_or(0, |message| message.body.len());
        fits
    });
    entries.truncate(fitting.count());
    let (first, last) = (entries.first()?.seq, entries.last()?.seq);
    add(&hub.stats.pages_recalled, 1);
    Some(Page { entries, covered: Some(first.0..=last.0), head: Head { seq: last, floor: Seq::ZERO } })
}

async fn page(
    hub: &Arc<Hub>,
    session: &Arc<Session>,
    conversation: &ConversationId,
    range: RangeInclusive<u64>,
) -> Result<(), StoreError> {
    let page = {
        // Closed only when the hub is gone; then it is only unbounded.
        let _permit = hub.pages.acquire().await.ok();
        match recall(hub, conversation, range.clone()).await {
            Some(page) => page,
            None => {
                let (entries, bytes) = (hub.settings.page_entries, hub.settings.page_bytes);
                hub.store.page(conversation, range, Direction::Forward, entries, bytes).await?
            }
        }
    };
    add(&hub.stats.pages, 1);
    let after = {
        let mut state = session.state.lock();
        let mut after = After::default();
        if let Some(active) = state.active.as_deref_mut()
            && let Some(known) = active.conversations.get_mut(conversation)
            && let Some(encoding) = known.encoding
            && let Place::Known(position) = &mut known.place
        {
            let before = position.queued();
            let items = page.entries.into_iter().map(|entry| {
                let skipped = session.sent(&entry) || !is_delivered(&entry, session.user(), encoding);
                (entry.seq.0, (!skipped).then_some(Item::Stored(entry)))
            });
            // Nothing covered: the head is not there yet; an empty range leads nowhere and is asked for no more.
            #[expect(clippy::reversed_empty_ranges, reason = "an empty range on purpose")]
            let covered = page.covered.unwrap_or(1..=0);
            position.accept(covered, page.head.floor.0, items, |from, to| {
                (encoding != Encoding::Raw).then_some(Item::Gap { from, to })
            });
            let now = position.queued();
            active.requeue(before, now);
            session.after_change(active, conversation, &mut after);
        }
        session.finish(&mut state, after, hub)
    };
    session.follow_up(hub, after);
    Ok(())
}
