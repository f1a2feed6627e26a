//! The broker's handle on an open session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use longwave_model::{ErrorCode, Refusal};
use longwave_persistence::{StoreError, SubscriptionRow};
use longwave_port::{Closing, Delivery, Outlet, Subscription, Ticket, is_plain};
use longwave_topics::{FilterSet, parse_filter};
use tracing::{debug, warn};

use crate::hub::Hub;
use crate::refusal::store_refusal;
use crate::session::{After, Session};
use crate::stats::{add, subtract};
use crate::subscriptions::{granted, merge, to_row};
use crate::{compare, cursors, marks, open, presence};

/// An open session as its connection holds it. Dropped without being closed it ends as after a crash: the session row says so.
pub(crate) struct FeedOutlet {
    hub: Arc<Hub>,
    session: Arc<Session>,
    registered: AtomicBool,
}

impl FeedOutlet {
    /// Lets the session be reached.
    pub(crate) fn register(hub: &Arc<Hub>, session: &Arc<Session>) -> Self {
        if hub.registry.insert(session) {
            presence::changed(hub, session.user());
        }
        let (foreign, wants_presence) = {
            let state = session.state.lock();
            let foreign = state.rare.as_ref().map(|rare| rare.foreign.clone()).unwrap_or_default();
            (foreign, state.filters.any_presence())
        };
        for (user, _) in &foreign {
            hub.registry.watch(user, session);
        }
        hub.registry.watches_presence(false, wants_presence);
        add(&hub.stats.sessions, 1);
        Self { hub: hub.clone(), session: session.clone(), registered: AtomicBool::new(true) }
    }

    /// Lets the session be reached from other nodes.
    pub(crate) async fn announce(&self) {
        let (hub, session) = (&self.hub, &self.session);
        hub.elsewhere.arrived(session.user(), session.device()).await;
        let foreign = session.state.lock().rare.as_ref().map(|rare| rare.foreign.clone()).unwrap_or_default();
        for (user, _) in &foreign {
            hub.elsewhere.watches(user, session.device()).await;
        }
    }

    /// Ends being reached; once.
    fn deregister(&self) {
        if !self.registered.swap(false, Ordering::Relaxed) {
            return;
        }
        let (hub, session) = (&self.hub, &self.session);
        let (rare, wants_presence) = {
            let mut state = session.state.lock();
            state.closed = true;
            (state.rare.take().unwrap_or_default(), state.filters.any_presence())
        };
        for channel in &rare.channels {
            hub.registry.leave_channel(channel, session);
        }
        for (user, _) in &rare.foreign {
            hub.registry.unwatch(user, session);
            hub.elsewhere.unwatches(user, session.device());
        }
        hub.registry.watches_presence(wants_presence, false);
        hub.elsewhere.left(session.user(), session.device());
        if hub.registry.remove(session) {
            presence::changed(hub, session.user());
        }
        subtract(&hub.stats.sessions, 1);
    }

    /// Stores these subscriptions and then follows them, unless only plain ones have changed.
    async fn replace(&self, subscriptions: Vec<SubscriptionRow>, only_plain: bool) -> Result<(), Refusal> {
        let (hub, session) = (&self.hub, &self.session);
        self.put(|row| row.subscriptions.clone_from(&subscriptions)).await?;
        if only_plain {
            session.state.lock().subscriptions = subscriptions.into();
            return Ok(());
        }
        let merged = merge(&subscriptions, session.user(), session.sender.service);
        let (before, foreign_before) = {
            let mut state = session.state.lock();
            let before = state.filters.clone();
            state.subscriptions = subscriptions.into();
            state.holds += 1;
            state.refilter(merged.own);
            let foreign_before = match &mut state.rare {
                None if merged.foreign.is_empty() => Vec::new(),
                rare => std::mem::replace(&mut rare.get_or_insert_default().foreign, merged.foreign.clone()),
            };
            (before, foreign_before)
        };
        for (user, _) in &foreign_before {
            if merged.foreign.iter().all(|(now, _)| now != user) {
                hub.registry.unwatch(user, session);
                hub.elsewhere.unwatches(user, session.device());
            }
        }
        for (user, _) in &merged.foreign {
            hub.registry.watch(user, session);
            hub.elsewhere.watches(user, session.device()).await;
        }
        hub.registry.watches_presence(before.any_presence(), session.state.lock().filters.any_presence());
        let outcome = self.follow(&before).await;
        if outcome.is_err() {
            // Without knowing where it begins, a live-only subscription would bring the whole history.
            session.state.lock().refilter(before);
        }
        open::release(hub, session);
        outcome.map_err(|error| store_refusal(&error))
    }

    /// Whether a filter is delivered by somebody else.
    fn is_plain(&self, filter: &str) -> bool {
        self.hub.settings.plain_topics && is_plain(filter)
    }

    /// Makes owed what the subscriptions match now and did not match `before`.
    async fn follow(&self, before: &FilterSet) -> Result<(), StoreError> {
        let (hub, session) = (&self.hub, &self.session);
        if session.live_only {
            return compare::set_baseline(hub, session, before).await;
        }
        match compare::compare(hub, session, &[]).await {
            Ok(mut conversations) => {
                conversations.retain(|conversation| before.encoding_for(conversation).is_none());
                marks::look_at(hub, session, conversations, 0);
            }
            // The subscription is stored and live; what else is owed the next comparison will find.
            Err(error) => warn!(user = %session.user(), device = %session.device(), %error, "comparison failed"),
        }
        Ok(())
    }

    /// Writes the session row with a change, if the session has one.
    async fn put(&self, change: impl FnOnce(&mut longwave_persistence::SessionRow)) -> Result<(), Refusal> {
        if self.session.live_only {
            return Ok(());
        }
        let mut row = self.session.row(&self.session.state.lock());
        change(&mut row);
        match self.hub.store.put_session(row).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let refusal =
                    Refusal::new(ErrorCode::SessionTakenOver, "the session has moved on to a newer connection");
                self.session.close(refusal.clone());
                Err(refusal)
            }
            Err(error) => Err(store_refusal(&error)),
        }
    }
}

#[async_trait]
impl Outlet for FeedOutlet {
    async fn subscribe(&self, subscriptions: Vec<Subscription>) -> Result<Vec<Result<u8, Refusal>>, Refusal> {
        let user = self.session.user();
        let mut rows = self.session.state.lock().subscriptions.to_vec();
        let mut answers = Vec::with_capacity(subscriptions.len());
        let mut tells_presence = false;
        let only_plain = subscriptions.iter().all(|subscription| self.is_plain(&subscription.filter));
        for subscription in subscriptions {
            // A plain filter matches nothing here.
            let parsed = match self.is_plain(&subscription.filter) {
                true => Ok(None),
                false => parse_filter(&subscription.filter, user, self.session.sender.service).map(Some),
            };
            let known = rows.iter().position(|row| row.filter == subscription.filter);
            answers.push(match parsed {
                Ok(_) if known.is_none() && rows.len() >= self.hub.settings.subscriptions => Err(Refusal::new(
                    ErrorCode::TooManySubscriptions,
                    format!("a session has at most {} subscriptions", self.hub.settings.subscriptions),
                )),
                Ok(filter) => {
                    let qos =
                        filter.as_ref().map_or(subscription.qos, |filter| granted(subscription.qos, filter, user));
                    tells_presence |= filter.is_some_and(|filter| filter.presence().is_some() && filter.user() == user);
                    let row = to_row(subscription, qos);
                    match known {
                        Some(index) => rows[index] = row,
                        None => rows.push(row),
                    }
                    Ok(qos)
                }
                Err(refusal) => Err(refusal),
            });
        }
        if answers.iter().any(Result::is_ok) {
            self.replace(rows, only_plain).await?;
        }
        if tells_presence {
            let after = {
                let mut state = self.session.state.lock();
                state.active().presence = true;
                self.session.finish(&mut state, After::default(), &self.hub)
            };
            self.session.follow_up(&self.hub, after);
        }
        Ok(answers)
    }

    async fn unsubscribe(&self, filters: Vec<String>) -> Result<Vec<bool>, Refusal> {
        let mut rows = self.session.state.lock().subscriptions.to_vec();
        let mut answers = Vec::with_capacity(filters.len());
        let only_plain = filters.iter().all(|filter| self.is_plain(filter));
        for filter in filters {
            let before = rows.len();
            rows.retain(|row| row.filter != filter);
            answers.push(rows.len() < before);
        }
        if answers.contains(&true) {
            self.replace(rows, only_plain).await?;
        }
        Ok(answers)
    }

    fn take(&self, room: usize, bytes: usize, out: &mut Vec<Delivery>) {
        self.session.take(&self.hub, room, bytes, out);
    }

    fn acked(&self, ticket: Ticket) {
        self.session.acked(&self.hub, ticket);
    }

    async fn released(&self, packet_id: u16, uses: u32) -> Result<(), Refusal> {
        let mut counts = self.session.state.lock().rare().qos2_uses.clone();
        match counts.iter_mut().find(|(id, _)| *id == packet_id) {
            Some((_, count)) => *count = uses,
            None => counts.push((packet_id, uses)),
        }
        self.put(|row| row.qos2_uses.clone_from(&counts)).await?;
        self.session.state.lock().rare().qos2_uses = counts;
        Ok(())
    }

    async fn close(&self, closing: Closing) {
        let (hub, session) = (&self.hub, &self.session);
        let row = {
            let state = session.state.lock();
            let mut row = session.row(&state);
            row.expiry_seconds = closing.expiry_seconds;
            row.in_flight = state.in_flight(&closing.in_flight);
            row.unsettled = Some(closing.unsettled);
            row.disconnected_at = Some(closing.now);
            row
        };
        self.deregister();
        if let Err(error) = cursors::flush(hub, std::slice::from_ref(session)).await {
            warn!(user = %session.user(), device = %session.device(), %error, "cursors not written at close");
        }
        let (user, device) = (session.user(), session.device());
        let outcome = if session.live_only {
            hub.presence.seen(user, closing.now);
            Ok(())
        } else if closing.expiry_seconds == 0 {
            hub.presence.seen(user, closing.now);
            hub.store.end_session(user, device, session.sender.connection).await
        } else {
            hub.store.put_session(row).await.map(drop)
        };
        match outcome {
            Ok(()) => debug!(%user, %device, "session closed"),
            // The row stays as it was while connected: the next connection starts as after a crash.
            Err(error) => warn!(%user, %device, %error, "session row not written at close"),
        }
        session.state.lock().active = None;
    }
}

impl Drop for FeedOutlet {
    fn drop(&mut self) {
        self.deregister();
    }
}
