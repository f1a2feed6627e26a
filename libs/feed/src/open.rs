//! Opening a session: resumed, new, or live-only. What is decided is stored before the connection hears of it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hashbrown::HashMap;
use longwave_model::{ConversationId, ErrorCode, Refusal, Seq, UserId};
use longwave_persistence::{Expected, InFlight, SessionRow, StoreError};
use longwave_port::{Feed, Open, Opened, Sender};
use parking_lot::Mutex;
use tracing::debug;

use crate::hub::{FeedHub, Hub};
use crate::outlet::FeedOutlet;
use crate::refusal::store_refusal;
use crate::session::{After, Session, State};
use crate::subscriptions::{from_row, merge};
use crate::{compare, cursors, marks};

#[async_trait]
impl Feed for FeedHub {
    async fn open(&self, open: Open) -> Result<Opened, Refusal> {
        // Boxed: its state is large and short-lived, that of the connection that waits for it is not.
        Box::pin(open_session(&self.hub, open)).await
    }
}

async fn open_session(hub: &Arc<Hub>, open: Open) -> Result<Opened, Refusal> {
    hub.elsewhere.claim(&open.user, &open.device).await;
    let previous = hub.store.session(&open.user, &open.device).await.map_err(|error| store_refusal(&error))?;
    let connection = hub.next_connection(previous.as_ref().map_or(0, |row| row.connection), open.now);
    let live_only = open.clean_start && open.expiry_seconds == 0;
    let resumed = previous.filter(|row| !open.clean_start && !is_expired(row, open.now));
    let sender = Arc::new(Sender {
        user: open.user.clone(),
        device: open.device.clone(),
        service: open.service,
        incarnation: resumed.as_ref().map_or(connection, |row| row.incarnation),
        connection,
    });
    let session = Arc::new(Session {
        sender: sender.clone(),
        mailbox: open.mailbox.clone(),
        live_only,
        state: Mutex::new(start_state(&open, resumed.as_ref())),
    });
    let (stored, known) = tokio::join!(store_start(hub, &session, &open, resumed.is_some()), make_known(hub, &open));
    stored?;
    known.map_err(|error| store_refusal(&error))?;
    let outlet = FeedOutlet::register(hub, &session);
    outlet.announce().await;
    // From here on live entries come; those that precede the comparison wait for it.
    let resumption = match &resumed {
        Some(row) => start_resumed(hub, &session, row).await,
        None => Ok(()),
    };
    resumption.map_err(|error| store_refusal(&error))?;
    release(hub, &session);
    debug!(user = %open.user, device = %open.device, resumed = resumed.is_some(), live_only, connection, "session opened");
    Ok(Opened {
        outlet: Arc::new(outlet),
        session_present: resumed.is_some(),
        sender,
        subscriptions: resumed.iter().flat_map(|row| row.subscriptions.iter().map(from_row)).collect(),
        qos2_uses: resumed.as_ref().map(|row| row.qos2_uses.clone()).unwrap_or_default(),
        unsettled: resumed.and_then(|row| row.unsettled).unwrap_or_default(),
    })
}

/// Background reads may begin.
pub(crate) fn release(hub: &Arc<Hub>, session: &Arc<Session>) {
    let after = {
        let mut state = session.state.lock();
        state.holds = state.holds.saturating_sub(1);
        session.finish(&mut state, After::default(), hub)
    };
    session.follow_up(hub, after);
}

/// Whether a session has outlived its expiry. One whose connection was cut by a crash is counted from the next one's start, since nobody
/// knows when it ended, unless it was to end with its connection.
fn is_expired(row: &SessionRow, now: u64) -> bool {
    match (row.expiry_seconds, row.disconnected_at) {
        (0, _) => true,
        (u32::MAX, _) | (_, None) => false,
        (seconds, Some(at)) => at.saturating_add(u64::from(seconds) * 1000) <= now,
    }
}

fn start_state(open: &Open, resumed: Option<&SessionRow>) -> State {
    let mut state = State::default();
    state.connected_at = open.now;
    state.expiry_seconds = open.expiry_seconds;
    // Taken back by `release`.
    state.holds = 1;
    if let Some(row) = resumed {
        state.subscriptions = row.subscriptions.clone().into();
        let merged = merge(&row.subscriptions, &open.user, open.service);
        state.filters = merged.own;
        if !merged.foreign.is_empty() || !row.qos2_uses.is_empty() {
            let rare = state.rare();
            rare.foreign = merged.foreign;
            rare.qos2_uses.clone_from(&row.qos2_uses);
        }
    }
    state
}

/// Stores how the session starts: one commit.
async fn store_start(hub: &Arc<Hub>, session: &Session, open: &Open, resumed: bool) -> Result<(), Refusal> {
    let refuse = |error: StoreError| store_refusal(&error);
    let row = session.row(&session.state.lock());
    if session.live_only {
        let (user, device) = (session.user(), session.device());
        return hub.store.end_session(user, device, row.connection).await.map_err(refuse);
    }
    if resumed {
        return match hub.store.put_session(row).await.map_err(refuse)? {
            true => Ok(()),
            false => Err(Refusal::new(ErrorCode::SessionTakenOver, "the session has moved on to a newer connection")),
        };
    }
    let cursors = if open.clean_start {
        compare::heads(hub, &open.user).await.map_err(refuse)?
    } else {
        first_cursors(hub, &open.user).await.map_err(refuse)?
    };
    debug!(user = %open.user, device = %open.device, conversations = cursors.len(), "session starts");
    hub.store.start_session(row, cursors).await.map_err(refuse)
}

/// Where a device's first session begins: at the highest seq that any device of its user has (protocol rule 13).
async fn first_cursors(hub: &Arc<Hub>, user: &UserId) -> Result<Vec<(ConversationId, Seq)>, StoreError> {
    // What the user's connected devices have acknowledged is written behind; this reads what is written.
    let connected: Vec<Arc<Session>> =
        hub.registry.of(user).into_iter().filter(|session| session.user() == user).collect();
    cursors::flush(hub, &connected).await?;
    let mut cursors = hub.store.highest_cursors(user).await?;
    cursors.retain(|(_, seq)| *seq > Seq::ZERO);
    Ok(cursors)
}

/// Creates the user's profile, by which others may find out that there is such a user, if it is not there.
async fn make_known(hub: &Hub, open: &Open) -> Result<(), StoreError> {
    let key = format!("user/{}/profile", open.user);
    if hub.store.get(&key).await?.is_none() {
        let profile = Bytes::from(format!(r#"{{"created":{}}}"#, open.now));
        // Whoever was first, it is there.
        let _ = hub.store.put(&key, Some(profile), Expected::Absent).await?;
    }
    Ok(())
}

async fn start_resumed(hub: &Arc<Hub>, session: &Arc<Session>, row: &SessionRow) -> Result<(), StoreError> {
    let in_flight = resumable(hub, &row.in_flight).await?;
    let conversations = compare::compare(hub, session, &in_flight).await?;
    {
        let mut state = session.state.lock();
        let presence = state.filters.any_presence();
        // The cursor may have passed what was in flight meanwhile.
        let is_owed = |sent: &InFlight| {
            let conversation = state.active.as_ref().and_then(|active| active.conversations.get(&sent.conversation));
            conversation.is_some_and(|conversation| conversation.has_in_flight(sent.seq.0))
        };
        let in_flight: Vec<InFlight> = in_flight.into_iter().filter(is_owed).collect();
        if presence || !in_flight.is_empty() {
            let active = state.active();
            active.resume(in_flight);
            active.presence = presence;
        }
    }
    marks::look_at(hub, session, conversations, row.disconnected_at.unwrap_or(row.connected_at));
    Ok(())
}

/// What can be sent again. Where retention has caught up with what was in flight, the conversation is continued from its cursor
/// instead, so that the device gets a gap and not silence.
async fn resumable(hub: &Hub, in_flight: &[InFlight]) -> Result<Vec<InFlight>, StoreError> {
    let mut floors: HashMap<&ConversationId, Seq> = HashMap::new();
    for sent in in_flight {
        if !floors.contains_key(&sent.conversation) {
            let head = hub.store.head(&sent.conversation).await?;
            floors.insert(&sent.conversation, head.map_or(Seq::ZERO, |head| head.floor));
        }
    }
    let swept: Vec<&ConversationId> = in_flight
        .iter()
        .filter(|sent| floors.get(&sent.conversation).is_some_and(|floor| *floor >= sent.seq))
        .map(|sent| &sent.conversation)
        .collect();
    Ok(in_flight.iter().filter(|sent| !swept.contains(&&sent.conversation)).cloned().collect())
}
