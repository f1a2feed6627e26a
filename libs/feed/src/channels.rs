//! Interest in channels: only sessions that registered it are reached by a channel's entries.

use std::sync::Arc;

use longwave_model::ConversationId;

use crate::hub::Hub;
use crate::session::{Rare, Session};

/// Registers interest, if the session is open and wants the channel.
pub(crate) fn join(hub: &Hub, session: &Arc<Session>, channel: &ConversationId) {
    let mut state = session.state.lock();
    if state.closed || state.filters.encoding_for(channel).is_none() {
        return;
    }
    let channels = &mut state.rare().channels;
    if channels.contains(channel) {
        return;
    }
    channels.push(channel.clone());
    drop(state);
    hub.registry.join_channel(channel, session);
    // It may have been closed in between, and then nobody else would take it out.
    if session.state.lock().closed {
        hub.registry.leave_channel(channel, session);
    }
}

/// Ends interest.
pub(crate) fn leave(hub: &Hub, session: &Arc<Session>, channel: &ConversationId) {
    let mut state = session.state.lock();
    let Some(Rare { channels, .. }) = state.rare.as_deref_mut() else { return };
    let before = channels.len();
    channels.retain(|other| other != channel);
    let left = channels.len() < before;
    drop(state);
    if left {
        hub.registry.leave_channel(channel, session);
    }
}

/// Ends interest in all channels but these.
pub(crate) fn keep_only(hub: &Hub, session: &Arc<Session>, keep: &[ConversationId]) {
    let joined = session.state.lock().rare.as_ref().map(|rare| rare.channels.clone()).unwrap_or_default();
    for channel in joined.iter().filter(|channel| !keep.contains(channel)) {
        leave(hub, session, channel);
    }
}
