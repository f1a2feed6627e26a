//! Live entries on their way in.

use std::sync::Arc;

use longwave_model::{Content, ConversationId, Entry, MemberChange, UserId};
use longwave_port::Delivery;
use longwave_topics::{Encoding, conversation_topic};

use super::{Active, Conversation, Idle, Place, Session, State};
use crate::encoded::{EncodedEntry, is_delivered};
use crate::hub::Hub;
use crate::item::{Address, Item};
use crate::position::{Offered, Position};
use crate::stats::add;

/// Live entries that wait while it is read where the device stands; further ones are read from the log.
const PENDING: usize = 16;

/// What is left to do once the state is no longer locked.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct After {
    pub(crate) wake: bool,
    pub(crate) dirty: bool,
    pub(crate) fill: bool,
}

/// What an entry means to one user's membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    Begins,
    Ends,
}

impl Membership {
    pub(crate) fn of(entry: &Entry, user: &UserId) -> Option<Self> {
        match &entry.content {
            Content::Created(created) if created.members.iter().any(|member| member.user == *user) => {
                Some(Self::Begins)
            }
            Content::Member(member) if member.user == *user => match member.change {
                MemberChange::Added => Some(Self::Begins),
                MemberChange::Removed | MemberChange::Left => Some(Self::Ends),
                MemberChange::Role => None,
            },
            _ => None,
        }
    }
}

impl Session {
    /// A live entry for this session's own user.
    pub(crate) fn offer(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        live: &Arc<EncodedEntry>,
        members: Option<&Arc<Vec<UserId>>>,
    ) {
        let after = {
            let mut state = self.state.lock();
            let mut after = After::default();
            if !state.closed {
                match state.filters.encoding_for(&live.entry.conversation) {
                    Some((encoding, 0)) if !self.sent(&live.entry) => {
                        after.wake = self.push_entry(hub, &mut state, live, self.user(), encoding);
                    }
                    Some((encoding, 1..)) => self.offer_position(hub, &mut state, live, encoding, members, &mut after),
                    _ => {}
                }
            }
            self.finish(&mut state, after, hub)
        };
        self.follow_up(hub, after);
    }

    /// A live entry for another user, whom this service watches.
    pub(crate) fn offer_foreign(self: &Arc<Self>, hub: &Arc<Hub>, live: &Arc<EncodedEntry>, viewer: &UserId) {
        let after = {
            let mut state = self.state.lock();
            let mut after = After::default();
            let encoding = state.foreign(viewer).and_then(|filters| filters.encoding_for(&live.entry.conversation));
            if let Some((encoding, _)) = encoding
                && !state.closed
                && !self.sent(&live.entry)
            {
                after.wake = self.push_entry(hub, &mut state, live, viewer, encoding);
            }
            self.finish(&mut state, after, hub)
        };
        self.follow_up(hub, after);
    }

    /// Queues a message at QoS 0 for the device, while fewer than `limit` wait.
    pub(crate) fn push(self: &Arc<Self>, hub: &Arc<Hub>, event: Delivery, limit: usize) {
        let after = {
            let mut state = self.state.lock();
            if state.closed {
                return;
            }
            let wake = self.push_or_drop(hub, &mut state, event, limit);
            self.finish(&mut state, After { wake, ..After::default() }, hub)
        };
        self.follow_up(hub, after);
    }

    /// The pending entries of a conversation can be placed: the device stands at `position`.
    pub(crate) fn place(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        state: &mut State,
        id: &ConversationId,
        mut position: Position<Item>,
    ) -> After {
        let mut after = After::default();
        let Some(active) = state.active.as_deref_mut() else { return after };
        let Some(conversation) = active.conversations.get_mut(id) else { return after };
        let Place::Loading { pending, head } = &mut conversation.place else { return after };
        position.raise_head(*head);
        let pending = std::mem::take(pending);
        conversation.place_at(position);
        if let Some(encoding) = conversation.encoding {
            for live in &pending {
                self.offer_known(hub, active, live, encoding, &mut after);
            }
        }
        self.after_change(active, id, &mut after);
        after
    }

    /// Decides what has to follow from a change; call it last while the state is locked.
    pub(crate) fn finish(&self, state: &mut State, mut after: After, hub: &Hub) -> After {
        after.wake = after.wake && state.signal();
        after.dirty = after.dirty && !std::mem::replace(&mut state.dirty, true);
        after.fill = state.starts_filling(hub);
        after
    }

    /// Does what [`Self::finish`] decided; call it with the state unlocked.
    pub(crate) fn follow_up(self: &Arc<Self>, hub: &Arc<Hub>, after: After) {
        if after.dirty {
            hub.dirty.lock().push(self.clone());
        }
        if after.fill {
            hub.runtime.spawn(crate::fill::run(hub.clone(), self.clone()));
        }
        if after.wake {
            self.mailbox.wake();
        }
    }

    /// Looks at a conversation whose position has changed: is there something to send, to read, or to store?
    pub(crate) fn after_change(&self, active: &mut Active, id: &ConversationId, after: &mut After) {
        let Some(conversation) = active.conversations.get(id) else { return };
        let Place::Known(position) = &conversation.place else { return };
        let (ready, hungry) = (position.queued() > 0, position.wanted().is_some());
        after.dirty |= conversation.unstored().is_some();
        if ready {
            active.mark_ready(id);
            after.wake = true;
        }
        if hungry {
            active.mark_hungry(id);
        }
    }

    fn offer_position(
        &self,
        hub: &Hub,
        state: &mut State,
        live: &Arc<EncodedEntry>,
        encoding: Encoding,
        members: Option<&Arc<Vec<UserId>>>,
        after: &mut After,
    ) {
        let id = &live.entry.conversation;
        if state.active().conversations.len() >= hub.settings.remembered_conversations
            && !state.active().conversations.contains_key(id)
        {
            state.tidy(self.live_only, Idle::Now, |conversation| hub.registry.fingerprint(conversation));
        }
        let active = state.active();
        let conversation = match active.conversations.get_mut(id) {
            Some(conversation) => conversation,
            None => {
                active.loading.push_back(id.clone());
                active.conversations.entry(id.clone()).or_insert_with(|| Conversation::loading(encoding))
            }
        };
        conversation.touched = true;
        conversation.encoding = Some(encoding);
        if let Some(members) = members {
            conversation.members = Some(members.clone());
        }
        match &mut conversation.place {
            Place::Loading { pending, head } => {
                *head = (*head).max(live.entry.seq.0);
                if pending.len() < PENDING {
                    pending.push(live.clone());
                }
            }
            Place::Known(_) => {
                self.offer_known(hub, active, live, encoding, after);
                self.after_change(active, id, after);
            }
        }
    }

    fn offer_known(
        &self,
        hub: &Hub,
        active: &mut Active,
        live: &Arc<EncodedEntry>,
        encoding: Encoding,
        after: &mut After,
    ) {
        let entry = &live.entry;
        let Some(conversation) = active.conversations.get_mut(&entry.conversation) else { return };
        let Place::Known(position) = &mut conversation.place else { return };
        let membership = Membership::of(entry, self.user());
        if membership == Some(Membership::Begins) {
            position.rejoin(entry.seq.0);
        }
        let room = if active.queued < hub.settings.live_entries { usize::MAX } else { 0 };
        let item = (!self.sent(entry) && is_delivered(entry, self.user(), encoding)).then(|| Item::Live(live.clone()));
        let before = position.queued();
        if position.offer(entry.seq.0, item, room) == Offered::Later {
            add(&hub.stats.head_only, 1);
        }
        if membership == Some(Membership::Ends) {
            position.leave(entry.seq.0);
        }
        active.queued = (active.queued + position.queued()).saturating_sub(before);
        after.wake |= position.queued() > 0;
    }

    fn push_entry(
        &self,
        hub: &Hub,
        state: &mut State,
        live: &Arc<EncodedEntry>,
        viewer: &UserId,
        encoding: Encoding,
    ) -> bool {
        let conversation = &live.entry.conversation;
        let topic: Arc<str> = conversation_topic(viewer, conversation, encoding).into();
        let address = Address { viewer, conversation, encoding, topic: &topic };
        match Item::Live(live.clone()).deliver(&address, hub.now(), None, None) {
            Some(delivery) => self.push_or_drop(hub, state, delivery, hub.settings.events),
            None => false,
        }
    }

    fn push_or_drop(&self, hub: &Hub, state: &mut State, event: Delivery, limit: usize) -> bool {
        let pushed = state.push_event(event, limit);
        if !pushed {
            add(&hub.stats.events_dropped, 1);
            state.rare().lost_since.get_or_insert_with(|| hub.now());
        }
        pushed
    }
}
