//! An open session: who it is, what it wants, and what it is owed just now.
//!
//! An idle session must be tiny, so everything that depends on traffic is in [`Active`], which exists only while something is on its
//! way or was a short time ago, and goes with the periodic comparison. No session has a timer or, when idle, a task.
//!
//! Lock order: a session's state comes after every lock of the registry and the hub; nothing is called with it held.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use longwave_model::{ConversationId, DeviceId, Entry, Refusal, UserId};
use longwave_persistence::{InFlight, SessionRow, SubscriptionRow};
use longwave_port::{Delivery, DeliveryProperties, Mailbox, Sender};
use longwave_topics::{Encoding, FilterSet, conversation_topic};
use parking_lot::Mutex;

use crate::encoded::EncodedEntry;
use crate::item::Item;
use crate::position::Position;

mod acknowledge;
mod jobs;
mod offer;
mod take;

pub(crate) use jobs::Job;
pub(crate) use offer::{After, Membership};

/// An open session.
pub(crate) struct Session {
    pub(crate) sender: Arc<Sender>,
    pub(crate) mailbox: Arc<dyn Mailbox>,
    /// Clean Start with no expiry: no row, no cursors (protocol rule 14).
    pub(crate) live_only: bool,
    pub(crate) state: Mutex<State>,
}

/// What changes in a session.
#[derive(Default)]
pub(crate) struct State {
    /// What it wants of its own user's topics.
    pub(crate) filters: FilterSet,
    pub(crate) subscriptions: Box<[SubscriptionRow]>,
    pub(crate) active: Option<Box<Active>>,
    pub(crate) rare: Option<Box<Rare>>,
    /// Tickets given out so far.
    tickets: u64,
    pub(crate) connected_at: u64,
    pub(crate) expiry_seconds: u32,
    /// While above 0, nothing is read in the background: what it would start from is being decided.
    pub(crate) holds: u8,
    pub(crate) closed: bool,
    /// It is in the hub's list of sessions with cursors to write.
    pub(crate) dirty: bool,
    /// A task reads for it.
    filling: bool,
    /// The mailbox has been woken since the last take.
    signalled: bool,
}

/// Which conversations are idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idle {
    /// Those not used since the last time that was asked.
    SinceLastTime,
    /// Those of which nothing is on its way.
    Now,
}

/// What few sessions have.
#[derive(Default)]
pub(crate) struct Rare {
    /// What a service wants of other users' topics.
    pub(crate) foreign: Vec<(UserId, FilterSet)>,
    /// Channels in which it has registered interest.
    pub(crate) channels: Vec<ConversationId>,
    pub(crate) qos2_uses: Vec<(u16, u32)>,
    /// Live-only: where each conversation (by its fingerprint) stood when it was subscribed to.
    pub(crate) baseline: HashMap<u64, u64>,
    /// Messages at QoS 0 have been dropped since then (Unix time in milliseconds).
    pub(crate) lost_since: Option<u64>,
}

/// What a session with traffic has besides.
#[derive(Default)]
pub(crate) struct Active {
    pub(crate) conversations: HashMap<ConversationId, Conversation>,
    /// Conversations with something queued, by turns.
    ready: VecDeque<ConversationId>,
    /// Conversations of which something must be read from the log.
    hungry: VecDeque<ConversationId>,
    /// Conversations of which it must be read where this device stands.
    loading: VecDeque<ConversationId>,
    /// Items queued in all positions together.
    queued: usize,
    events: VecDeque<Delivery>,
    /// Sent and not acknowledged, by ticket; those acknowledged out of order stay until they are first.
    flights: VecDeque<Flight>,
    /// What the earlier connection had in flight, to be read before anything new is sent.
    resume: Vec<InFlight>,
    resends: VecDeque<ResendItem>,
    /// Conversations whose marks have to be looked at, and since when.
    pub(crate) marks: Option<(Vec<ConversationId>, u64)>,
    /// It has to be found out whose presence is to be told.
    pub(crate) presence: bool,
    /// People whose presence has to be told.
    pub(crate) people: Vec<UserId>,
}

/// A conversation of a session with traffic.
pub(crate) struct Conversation {
    pub(crate) place: Place,
    /// How it is delivered; `None` after the last matching subscription (at QoS 1) has gone.
    pub(crate) encoding: Option<Encoding>,
    topic: Option<Arc<str>>,
    is_ready: bool,
    is_hungry: bool,
    /// The cursor as the store has it.
    pub(crate) stored: u64,
    /// Where the position began.
    pub(crate) start: u64,
    /// The user's delivered mark as last seen, if it was read.
    pub(crate) delivered: Option<u64>,
    /// An entry of somebody else was acknowledged since the mark was last told.
    pub(crate) tell: bool,
    /// The members as of the last live entry.
    pub(crate) members: Option<Arc<Vec<UserId>>>,
    /// Used since the last comparison.
    pub(crate) touched: bool,
}

/// Where a device stands in a conversation.
pub(crate) enum Place {
    /// Being read from the store.
    Loading { pending: Vec<Arc<EncodedEntry>>, head: u64 },
    /// Known.
    Known(Position<Item>),
}

/// A delivery that is not acknowledged.
struct Flight {
    conversation: ConversationId,
    seq: u64,
    /// Somebody else's.
    foreign: bool,
    acked: bool,
}

struct ResendItem {
    packet_id: u16,
    conversation: ConversationId,
    entry: Arc<Entry>,
}

impl Session {
    pub(crate) fn user(&self) -> &UserId {
        &self.sender.user
    }

    pub(crate) fn device(&self) -> &DeviceId {
        &self.sender.device
    }

    /// Whether this device sent the entry itself.
    pub(crate) fn sent(&self, entry: &Entry) -> bool {
        entry.sender == self.sender.user && entry.device.as_ref() == Some(&self.sender.device)
    }

    /// How an event of this conversation, as `viewer` sees it, goes to the device.
    pub(crate) fn encoding_as(&self, viewer: &UserId, conversation: &ConversationId) -> Option<Encoding> {
        let state = self.state.lock();
        let filters = if viewer == self.user() { &state.filters } else { state.foreign(viewer)? };
        Some(filters.encoding_for(conversation)?.0)
    }

    /// The session row as it is while connected.
    pub(crate) fn row(&self, state: &State) -> SessionRow {
        SessionRow {
            user: self.user().clone(),
            device: self.device().clone(),
            incarnation: self.sender.incarnation,
            connection: self.sender.connection,
            expiry_seconds: state.expiry_seconds,
            subscriptions: state.subscriptions.to_vec(),
            qos2_uses: state.rare.as_ref().map(|rare| rare.qos2_uses.clone()).unwrap_or_default(),
            unsettled: None,
            in_flight: Vec::new(),
            connected_at: state.connected_at,
            disconnected_at: None,
        }
    }

    /// Closes the connection from this side.
    pub(crate) fn close(&self, refusal: Refusal) {
        self.mailbox.close(refusal);
    }
}

impl State {
    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// What a service wants of another user's topics.
    pub(crate) fn foreign(&self, user: &UserId) -> Option<&FilterSet> {
        let foreign = &self.rare.as_ref()?.foreign;
        foreign.iter().find(|(other, _)| other == user).map(|(_, filters)| filters)
    }

    /// Live-only: where a conversation stood when it was subscribed to.
    pub(crate) fn baseline(&self, fingerprint: u64) -> Option<u64> {
        self.rare.as_ref()?.baseline.get(&fingerprint).copied()
    }

    pub(crate) fn active(&mut self) -> &mut Active {
        self.active.get_or_insert_default()
    }

    /// Whether the mailbox has to be woken: once per burst.
    pub(crate) fn signal(&mut self) -> bool {
        !std::mem::replace(&mut self.signalled, true)
    }

    /// Queues a message at QoS 0; `false` when too many wait.
    pub(crate) fn push_event(&mut self, event: Delivery, limit: usize) -> bool {
        let events = &mut self.active().events;
        if events.len() >= limit {
            return false;
        }
        events.push_back(event);
        true
    }

    /// What the subscriptions ask for has changed.
    pub(crate) fn refilter(&mut self, filters: FilterSet) {
        self.filters = filters;
        let Some(active) = &mut self.active else { return };
        for (id, conversation) in &mut active.conversations {
            let encoding = match self.filters.encoding_for(id) {
                Some((encoding, 1..)) => Some(encoding),
                _ => None,
            };
            if encoding.is_none()
                && let Place::Known(position) = &mut conversation.place
            {
                active.queued -= position.withdraw();
            }
            conversation.encoding = encoding;
            conversation.topic = None;
        }
    }

    /// Drops what is caught up and stored and was not used since the last comparison, and all of [`Active`] when nothing is left.
    /// A live-only session remembers where it stood, since no cursor does.
    pub(crate) fn tidy(&mut self, live_only: bool, idle: Idle, fingerprint: impl Fn(&ConversationId) -> u64) {
        let Some(active) = &mut self.active else { return };
        let rare = &mut self.rare;
        active.conversations.retain(|id, conversation| {
            let Place::Known(position) = &conversation.place else { return true };
            let cursor = position.cursor();
            let is_recent = std::mem::take(&mut conversation.touched) && idle == Idle::SinceLastTime;
            if is_recent || !position.is_caught_up() || cursor > conversation.stored {
                return true;
            }
            if live_only {
                rare.get_or_insert_default().baseline.insert(fingerprint(id), cursor);
            }
            false
        });
        if active.is_idle() {
            self.active = None;
        }
    }
}

impl Active {
    fn is_idle(&self) -> bool {
        self.conversations.is_empty()
            && self.events.is_empty()
            && self.flights.is_empty()
            && self.resume.is_empty()
            && self.resends.is_empty()
            && self.marks.is_none()
            && !self.presence
            && self.people.is_empty()
    }

    pub(crate) fn mark_hungry(&mut self, id: &ConversationId) {
        if let Some(conversation) = self.conversations.get_mut(id)
            && !std::mem::replace(&mut conversation.is_hungry, true)
        {
            self.hungry.push_back(id.clone());
        }
    }

    fn mark_ready(&mut self, id: &ConversationId) {
        if let Some(conversation) = self.conversations.get_mut(id)
            && !std::mem::replace(&mut conversation.is_ready, true)
        {
            self.ready.push_back(id.clone());
        }
    }

    /// What the last connection had in flight is sent again before anything new.
    pub(crate) fn resume(&mut self, in_flight: Vec<InFlight>) {
        self.resume = in_flight;
    }
}

impl Conversation {
    /// A conversation in which it must first be read where the device stands.
    fn loading(encoding: Encoding) -> Self {
        Self { place: Place::Loading { pending: Vec::new(), head: 0 }, ..Self::at(Position::new(0, 1, None), encoding) }
    }

    /// A conversation in which the device stands at `position`.
    pub(crate) fn at(position: Position<Item>, encoding: Encoding) -> Self {
        let start = position.cursor();
        Self {
            place: Place::Known(position),
            encoding: Some(encoding),
            topic: None,
            is_ready: false,
            is_hungry: false,
            stored: start,
            start,
            delivered: None,
            tell: false,
            members: None,
            touched: true,
        }
    }

    /// The position is known now.
    fn place_at(&mut self, position: Position<Item>) {
        self.start = position.cursor();
        self.stored = self.start;
        self.place = Place::Known(position);
    }

    fn topic(&mut self, viewer: &UserId, id: &ConversationId, encoding: Encoding) -> Arc<str> {
        self.topic.get_or_insert_with(|| conversation_topic(viewer, id, encoding).into()).clone()
    }

    /// Whether this seq was sent and is not acknowledged.
    pub(crate) fn has_in_flight(&self, seq: u64) -> bool {
        matches!(&self.place, Place::Known(position) if position.has_in_flight(seq))
    }

    /// The cursor, if it is above the one that the store has.
    pub(crate) fn unstored(&self) -> Option<u64> {
        match &self.place {
            Place::Known(position) => Some(position.cursor()).filter(|cursor| *cursor > self.stored),
            Place::Loading { .. } => None,
        }
    }
}

/// A message at QoS 0.
pub(crate) fn event_delivery(topic: Arc<str>, payload: bytes::Bytes, expiry_seconds: Option<u32>) -> Delivery {
    let properties = expiry_seconds
        .map(|seconds| Box::new(DeliveryProperties { expiry_seconds: Some(seconds), ..DeliveryProperties::default() }));
    Delivery { topic, payload, properties, ..Delivery::default() }
}
