//! An open session with both kinds of topics: its feed, and beside it what it has of plain topics.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use longwave_model::Refusal;
use longwave_port::{Closing, Delivery, Mailbox, Outlet, Sender, Subscription, Ticket, is_plain, shared};

use super::delivery::PLAIN;
use super::router::Router;
use super::subscriber::Subscriber;
use super::system::at_its_qos;

/// The outlet that the connection sees.
pub(super) struct RoutedOutlet {
    pub(super) router: Arc<Router>,
    pub(super) inner: Arc<dyn Outlet>,
    pub(super) sender: Arc<Sender>,
    pub(super) mailbox: Arc<dyn Mailbox>,
    /// Whether the session outlives the connection.
    pub(super) lasting: bool,
    /// Set once the session uses plain topics: most sessions never do.
    pub(super) subscriber: OnceLock<Arc<Subscriber>>,
}

impl RoutedOutlet {
    /// The session's subscriber, attached to this connection.
    pub(super) fn subscriber(&self) -> &Arc<Subscriber> {
        self.subscriber.get_or_init(|| {
            let subscriber = self.router.subscriber(&self.sender);
            if self.lasting {
                subscriber.make_lasting(self.router.log.last());
            }
            subscriber.attach(self.mailbox.clone(), self.router.now());
            subscriber
        })
    }

    /// Whether access and limits allow a subscription.
    ///
    /// # Errors
    /// A [`Refusal`] when not.
    pub(super) fn may_subscribe(&self, subscription: &Subscription) -> Result<(), Refusal> {
        if !is_plain(&subscription.filter) {
            return Ok(());
        }
        let filter = shared(&subscription.filter).map_or(&*subscription.filter, |(_, filter)| filter);
        self.router.check_subscribe((&*self.sender).into(), filter)
    }
}

impl RoutedOutlet {
    /// Stores from where on a session that outlives its connection is owed what its new subscriptions match.
    async fn begin(&self, subscriptions: &[Subscription]) -> Result<(), Refusal> {
        let plain = |held: &&Subscription| is_plain(&held.filter) && shared(&held.filter).is_none();
        let mut facts = Vec::new();
        if self.lasting {
            for subscription in subscriptions.iter().filter(plain) {
                facts.extend(self.subscriber().begins(&subscription.filter, self.router.log.last()));
            }
        }
        if !facts.is_empty() {
            self.subscriber().state.lock().has_facts = true;
        }
        self.router.log.keep(facts).await
    }
}

#[async_trait]
impl Outlet for RoutedOutlet {
    async fn subscribe(&self, subscriptions: Vec<Subscription>) -> Result<Vec<Result<u8, Refusal>>, Refusal> {
        let checked: Vec<Result<(), Refusal>> =
            subscriptions.iter().map(|subscription| self.may_subscribe(subscription)).collect();
        let allowed: Vec<Subscription> = subscriptions
            .into_iter()
            .zip(&checked)
            .filter(|(_, checked)| checked.is_ok())
            .map(|(subscription, _)| at_its_qos(subscription))
            .collect();
        self.begin(&allowed).await?;
        // Stored first [MQTT-3.8.4-1]: what a durable session was granted it finds again.
        let answers = if allowed.is_empty() { Vec::new() } else { self.inner.subscribe(allowed.clone()).await? };
        for (subscription, answer) in allowed.into_iter().zip(&answers) {
            if let Ok(qos) = answer
                && is_plain(&subscription.filter)
            {
                self.router.add(self.subscriber(), Subscription { qos: *qos, ..subscription });
            }
        }
        let mut answers = answers.into_iter();
        let merged = checked.into_iter().filter_map(|checked| match checked {
            Ok(()) => answers.next(),
            Err(refusal) => Some(Err(refusal)),
        });
        Ok(merged.collect())
    }

    async fn unsubscribe(&self, filters: Vec<String>) -> Result<Vec<bool>, Refusal> {
        let answers = self.inner.unsubscribe(filters.clone()).await?;
        if let Some(subscriber) = self.subscriber.get() {
            for filter in filters.iter().filter(|filter| is_plain(filter)) {
                self.router.remove(subscriber, filter);
                if let Some(fact) = subscriber.no_longer(filter) {
                    self.router.log.note(fact);
                }
            }
        }
        Ok(answers)
    }

    fn take(&self, room: usize, bytes: usize, out: &mut Vec<Delivery>) {
        self.inner.take(room, bytes, out);
        let Some(subscriber) = self.subscriber.get() else { return };
        let (mut left, mut used) = (room, 0_usize);
        for delivery in out.iter() {
            left = left.saturating_sub(usize::from(delivery.ticket.is_some()));
            used += delivery.payload.len();
        }
        if used > bytes {
            return;
        }
        let Router { parts, .. } = &*self.router;
        let (wants_page, ended) =
            subscriber.take(left, bytes - used, out, &parts.settings, &parts.stats, self.router.now());
        if wants_page {
            self.router.clone().read_page(subscriber.clone());
        }
        self.router.note_ended(subscriber, ended);
        self.router.pull(subscriber);
    }

    fn acked(&self, ticket: Ticket) {
        match self.subscriber.get() {
            Some(subscriber) if ticket.0 & PLAIN != 0 => {
                self.router.note_ended(subscriber, subscriber.acked(ticket.0, &self.router.parts.stats));
            }
            _ => self.inner.acked(ticket),
        }
    }

    fn received(&self, ticket: Ticket) {
        match self.subscriber.get() {
            Some(subscriber) if ticket.0 & PLAIN != 0 => {
                if let Some((number, fact)) = subscriber.received(ticket.0) {
                    self.router.log.received(subscriber, number, fact);
                }
            }
            _ => self.inner.received(ticket),
        }
    }

    async fn released(&self, packet_id: u16, uses: u32) -> Result<(), Refusal> {
        self.inner.released(packet_id, uses).await?;
        if let Some(fact) = self.router.known(&self.sender).and_then(|subscriber| subscriber.released(packet_id)) {
            self.router.log.note(fact);
        }
        Ok(())
    }

    async fn close(&self, closing: Closing) {
        let subscriber = self.subscriber.get().cloned().or_else(|| self.router.known(&self.sender));
        let (plain, in_flight) = closing.in_flight.iter().partition::<Vec<_>, _>(|(_, ticket)| ticket.0 & PLAIN != 0);
        let Some(subscriber) = subscriber else { return self.inner.close(closing).await };
        let sent: Vec<(u16, u64)> = plain.into_iter().map(|(id, ticket)| (id, ticket.0 & !PLAIN)).collect();
        // First, so that nothing more is handed to a connection that is gone.
        let shared = subscriber.detach(&sent, &self.router.parts.stats);
        self.router.hand_on(shared);
        // What it has acknowledged is not to come again after an orderly end of the server. If it cannot be stored, it may.
        let _ = self.router.log.keep(subscriber.place(self.router.log.last()).into_vec()).await;
        let ended = Closing { unsettled: Vec::new(), in_flight: Vec::new(), ..closing };
        let rest = Closing { in_flight, unsettled: closing.unsettled, ..ended.clone() };
        self.inner.close(rest).await;
        self.router.closed(&subscriber, &ended).await;
    }
}
