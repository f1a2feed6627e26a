//! Interest in channels: only sessions that registered it are reached by a channel's entries.

use std::sync::Arc;

use longwave_model::ConversationId;

use crate::hub::Hub;
use crate::session::Session;

/// Registers interest, if the session is open and wants the channel.
pub(crate) fn join(hub: &Hub, session: &Arc<Session>, channel: &ConversationId) {
    let mut state = session.state.lock();
    if state.closed || state.filters.encoding_for(channel).is_none() {
        return;
    }
    let channels = state.channels.get_or_insert_default();
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
    let Some(channels) = &mut state.channels else { return };
    let before = channels.len();
    channels.retain(|other| other != channel);
    let left = channels.len() < before;
    if channels.is_empty() {
        state.channels = None;
    }
    drop(state);
    if left {
        hub.registry.leave_channel(channel, session);
    }
}

/// Ends interest in all channels but these.
pub(crate) fn keep_only(hub: &Hub, session: &Arc<Session>, keep: &[ConversationId]) {
    let joined = session.state.lock().channels.as_deref().cloned().unwrap_or_default();
    for channel in joined.iter().filter(|channel| !keep.contains(channel)) {
        leave(hub, session, channel);
    }
}
