//! What comes from the bridge: entries, typing, marks.
//!
//! An entry that changes a membership also reaches the user it names, whoever the recipients are: the removed one has to learn of it,
//! and one who joined a channel has no interest registered yet.

use std::sync::Arc;

use longwave_envelope::Event;
use longwave_model::{Content, ConversationId, ConversationKind, Entry, UserId};
use longwave_port::{Bus, MarkSignal, Recipients, Typing};

use crate::broadcast::Broadcast;
use crate::encoded::EncodedEntry;
use crate::hub::{FeedHub, Hub};
use crate::session::{Membership, Session};
use crate::{channels, compare, marks};

impl Bus for FeedHub {
    fn entry(&self, entry: &Arc<Entry>, to: &Recipients) {
        let hub = &self.hub;
        let live = EncodedEntry::new(entry.clone());
        match to {
            Recipients::Users(users) => {
                for user in users.iter() {
                    offer_to(hub, &live, user, Some(users));
                }
                for user in named(entry).filter(|user| !users.contains(user)) {
                    offer_to(hub, &live, user, None);
                }
                join_if_channel(hub, entry, users);
            }
            Recipients::Part(users) => {
                // Too many for marks to be told to; so nobody has to know who they are.
                let nobody = Arc::new(Vec::new());
                for user in users.iter() {
                    offer_to(hub, &live, user, Some(&nobody));
                }
                join_if_channel(hub, entry, users);
            }
            Recipients::Interested => {
                for user in named(entry) {
                    if Membership::of(entry, user) == Some(Membership::Begins) {
                        own_sessions(hub, user).for_each(|session| join(hub, &session, &entry.conversation));
                    }
                }
                for session in hub.registry.in_channel(&entry.conversation) {
                    session.offer(hub, &live, None);
                }
            }
        }
        for user in named(entry) {
            if Membership::of(entry, user) == Some(Membership::Ends) {
                own_sessions(hub, user).for_each(|session| channels::leave(hub, &session, &entry.conversation));
            }
        }
    }

    fn typing(&self, typing: Typing) {
        let hub = &self.hub;
        let expiry = Some(hub.settings.typing_expiry_seconds);
        let broadcast = Broadcast::new(&typing.conversation, expiry, |conv| Event::Typing { conv, from: &typing.user });
        let types_itself = |session: &Session| {
            *session.user() == typing.user && typing.device.as_ref().is_none_or(|device| device == session.device())
        };
        match &typing.to {
            Recipients::Users(users) | Recipients::Part(users) => {
                for user in users.iter() {
                    for session in hub.registry.of(user).iter().filter(|session| !types_itself(session)) {
                        broadcast.to(hub, session, user);
                    }
                }
            }
            Recipients::Interested => {
                let sessions = hub.registry.in_channel(&typing.conversation);
                for session in sessions.iter().filter(|session| !types_itself(session)) {
                    broadcast.to(hub, session, session.user());
                }
            }
        }
    }

    fn mark(&self, mark: MarkSignal) {
        match &mark.to {
            Recipients::Users(users) | Recipients::Part(users) => marks::tell(&self.hub, &mark, users),
            // Nobody follows how far each reader of a channel has come; a reader's own devices do.
            Recipients::Interested => marks::tell(&self.hub, &mark, std::slice::from_ref(&mark.user)),
        }
    }
}

fn join_if_channel(hub: &Arc<Hub>, entry: &Entry, users: &[UserId]) {
    if becomes_channel(entry) {
        for session in users.iter().flat_map(|user| hub.registry.of(user)) {
            join(hub, &session, &entry.conversation);
        }
    }
}

/// Registers interest, here at once and with the other nodes as soon as that can be; what was written until then is compared.
fn join(hub: &Arc<Hub>, session: &Arc<Session>, channel: &ConversationId) {
    channels::join(hub, session, channel);
    let (hub, session, channel) = (hub.clone(), session.clone(), channel.clone());
    hub.runtime.clone().spawn(async move {
        if hub.elsewhere.interested(std::slice::from_ref(&channel)).await {
            compare::compare_device(&hub, session.user(), session.device()).await;
        }
    });
}

fn offer_to(hub: &Arc<Hub>, live: &Arc<EncodedEntry>, user: &UserId, members: Option<&Arc<Vec<UserId>>>) {
    for session in hub.registry.of(user) {
        if session.user() == user {
            session.offer(hub, live, members);
        } else {
            session.offer_foreign(hub, live, user);
        }
    }
}

fn own_sessions(hub: &Hub, user: &UserId) -> impl Iterator<Item = Arc<Session>> {
    hub.registry.of(user).into_iter().filter(move |session| session.user() == user)
}

/// The users whose membership an entry changes.
fn named(entry: &Entry) -> impl Iterator<Item = &UserId> {
    let (one, many) = match &entry.content {
        Content::Member(member) => (Some(&member.user), &[][..]),
        Content::Created(created) => (None, &created.members[..]),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(many.iter().map(|member| &member.user))
}

fn becomes_channel(entry: &Entry) -> bool {
    let kind = match &entry.content {
        Content::Updated(update) => update.kind,
        Content::Created(created) => Some(created.kind),
        _ => None,
    };
    kind == Some(ConversationKind::Channel)
}
