//! Marks on their way to devices. They are state: told when they rise, and again to a session that was away (protocol rule 18).
//!
//! A user's own devices learn how far it has read on another one; that its own devices have received something is no news.

use std::sync::Arc;

use longwave_envelope::Event;
use longwave_model::{ConversationId, ConversationKind, Seq, UserId};
use longwave_persistence::StoreError;
use longwave_port::{MarkSignal, Recipients};

use crate::broadcast::Broadcast;
use crate::hub::Hub;
use crate::session::{After, Session};

/// How far the clocks of the moment a mark rose and of a disconnect may be apart, in milliseconds.
const SLACK: u64 = 5_000;

/// Tells these members of a mark that rose.
pub(crate) fn tell(hub: &Arc<Hub>, mark: &MarkSignal, members: &[UserId]) {
    let of_other = Broadcast::new(&mark.conversation, None, |conv| Event::Mark {
        conv,
        from: &mark.user,
        delivered: mark.delivered,
        read: mark.read,
    });
    let of_self = Broadcast::new(&mark.conversation, None, |conv| Event::Mark {
        conv,
        from: &mark.user,
        delivered: Seq::ZERO,
        read: mark.read,
    });
    for member in members {
        for session in hub.registry.of(member) {
            if *member != mark.user {
                of_other.to(hub, &session, member);
            } else if mark.read > Seq::ZERO {
                of_self.to(hub, &session, member);
            }
        }
    }
}

/// Has the session look at the marks of these conversations that changed since (Unix time in milliseconds).
pub(crate) fn look_at(hub: &Arc<Hub>, session: &Arc<Session>, conversations: Vec<ConversationId>, since: u64) {
    if conversations.is_empty() {
        return;
    }
    let after = {
        let mut state = session.state.lock();
        state.active().look_at_marks(conversations, since.saturating_sub(SLACK));
        session.finish(&mut state, After::default(), hub)
    };
    session.follow_up(hub, after);
}

/// Tells a session of the marks in a conversation that changed since.
pub(crate) async fn tell_changed(
    hub: &Arc<Hub>,
    session: &Arc<Session>,
    conversation: &ConversationId,
    since: u64,
) -> Result<(), StoreError> {
    let marks = match is_channel(hub, conversation).await? {
        // Nobody hears of other members' marks, and there is one for each of very many.
        true => hub.store.mark(conversation, session.user()).await?.into_iter().collect(),
        false => hub.store.marks(conversation).await?,
    };
    for mark in marks {
        let delivered = if mark.user == *session.user() { Seq::ZERO } else { mark.delivered };
        if mark.ts < since || (delivered == Seq::ZERO && mark.read == Seq::ZERO) {
            continue;
        }
        let event = Broadcast::new(conversation, None, |conv| Event::Mark {
            conv,
            from: &mark.user,
            delivered,
            read: mark.read,
        });
        // All at once, however many members there are: they are read only while few messages wait.
        event.within(hub, session, session.user(), usize::MAX);
    }
    Ok(())
}

async fn is_channel(hub: &Hub, conversation: &ConversationId) -> Result<bool, StoreError> {
    if conversation.peers().is_some() {
        return Ok(false);
    }
    if hub.registry.has_channel(conversation) {
        return Ok(true);
    }
    // Nobody here has opened it, or it is no channel.
    let row = hub.store.conversation(conversation).await?;
    Ok(row.is_some_and(|row| row.kind == ConversationKind::Channel))
}

/// The members of a conversation who are told of delivered marks: the peers, or the present members of a group that is not too large. A
/// channel's members are not even read.
pub(crate) async fn audience(
    hub: &Hub,
    conversation: &ConversationId,
    known: Option<Arc<Vec<UserId>>>,
) -> Result<Option<Recipients>, StoreError> {
    let members = match (known, conversation.peers()) {
        (Some(known), _) => known,
        (None, Some((one, other))) => {
            Arc::new([one, other].into_iter().filter_map(|peer| UserId::parse(peer).ok()).collect())
        }
        (None, None) if is_channel(hub, conversation).await? => return Ok(None),
        (None, None) => {
            let rows = hub.store.members(conversation).await?;
            Arc::new(rows.into_iter().filter(longwave_persistence::MemberRow::is_present).map(|row| row.user).collect())
        }
    };
    Ok((members.len() <= hub.settings.mark_members).then_some(Recipients::Users(members)))
}
