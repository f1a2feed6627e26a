//! Sessions: what of an earlier connection a new one takes over, and what ends with a connection or a session.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use longwave_model::{PlainFact, Refusal};
use longwave_port::{Asker, Closing, Feed, Open, Opened, Sender, StoredWill, Subscription, Will, is_plain};

use super::outlet::RoutedOutlet;
use super::router::Router;
use super::subscriber::Subscriber;
use super::timers::Due;

/// The feed that the broker sees: sessions that have plain topics as well.
#[async_trait]
impl Feed for Router {
    async fn open(&self, open: Open) -> Result<Opened, Refusal> {
        // Boxed for the same reason as the feed's: its state is large and short-lived.
        let Some(router) = self.this.upgrade() else { return self.parts.feed.open(open).await };
        Box::pin(open_session(&router, open)).await
    }
}

async fn open_session(router: &Arc<Router>, mut open: Open) -> Result<Opened, Refusal> {
    let will = open.will.take();
    if let Some(will) = &will {
        let asker = Asker { user: &open.user, device: &open.device, service: open.service };
        router.check_publish(asker, &will.topic, will.retain)?;
    }
    let (mailbox, expiry_seconds) = (open.mailbox.clone(), open.expiry_seconds);
    let opened = router.parts.feed.open(open).await?;
    let known = router.known(&opened.sender);
    if let Some(known) = &known {
        router.resume_or_end(known, opened.session_present).await;
    }
    if let Some(will) = &will {
        let Sender { user, device, .. } = &*opened.sender;
        let stored = StoredWill { user: user.clone(), device: device.clone(), expiry_seconds, will: Will::clone(will) };
        router.parts.store.put_will(stored).await?;
    }
    let outlet = RoutedOutlet {
        router: router.clone(),
        inner: opened.outlet,
        sender: opened.sender.clone(),
        mailbox,
        lasting: expiry_seconds > 0,
        subscriber: OnceLock::new(),
    };
    // What was allowed once may not be any more.
    let allowed = |held: &&Subscription| is_plain(&held.filter) && outlet.may_subscribe(held).is_ok();
    let plain: Vec<&Subscription> = opened.subscriptions.iter().filter(allowed).collect();
    if !plain.is_empty() || will.is_some() || router.known(&opened.sender).is_some() {
        let subscriber = outlet.subscriber();
        router.restore(subscriber, &plain);
        subscriber.state.lock().will = will;
        router.pull(subscriber);
    }
    Ok(Opened { outlet: Arc::new(outlet), ..opened })
}

impl Router {
    /// The subscriber of a device, if it has one.
    pub(super) fn known(&self, sender: &Sender) -> Option<Arc<Subscriber>> {
        self.subscribers.lock().get(&(sender.user.clone(), sender.device.clone())).cloned()
    }

    /// The subscriber of a device; made when it has none.
    pub(super) fn subscriber(&self, sender: &Arc<Sender>) -> Arc<Subscriber> {
        let mut subscribers = self.subscribers.lock();
        let entry = subscribers.entry((sender.user.clone(), sender.device.clone()));
        let made = || {
            self.parts.stats.subscribers.add(1);
            Arc::new(Subscriber::new(self.next_number(), sender.clone()))
        };
        entry.or_insert_with(made).clone()
    }

    /// Makes the subscriptions of a resumed session those of the session row: they are the same but after a restart of the server.
    fn restore(&self, subscriber: &Arc<Subscriber>, rows: &[&Subscription]) {
        let held = subscriber.state.lock().subscriptions.clone();
        for gone in held.iter().filter(|held| rows.iter().all(|row| row.filter != held.filter)) {
            self.remove(subscriber, &gone.filter);
            if let Some(fact) = subscriber.no_longer(&gone.filter) {
                self.log.note(fact);
            }
        }
        for row in rows {
            if !held.iter().any(|held| held == *row) {
                subscriber.state.lock().subscriptions.push((*row).clone());
                self.enter(subscriber, row);
            }
        }
    }

    /// A device that had a session connects.
    async fn resume_or_end(&self, known: &Arc<Subscriber>, resumed: bool) {
        let delayed = known.state.lock().will.as_ref().map(|will| will.delay_seconds > 0);
        match delayed {
            // [MQTT-3.1.3-9]: it came back in time.
            Some(true) if resumed => {
                known.state.lock().will = None;
                self.forget_will(known).await;
            }
            Some(_) => self.publish_will(known).await,
            None => {}
        }
        if !resumed {
            self.end(known).await;
        }
    }

    /// A connection has ended.
    pub(super) async fn closed(&self, subscriber: &Arc<Subscriber>, closing: &Closing) {
        let unwanted = if closing.good_bye { subscriber.state.lock().will.take() } else { None };
        if unwanted.is_some() {
            // [MQTT-3.1.2-10]
            self.forget_will(subscriber).await;
        }
        let (delay, unused) = {
            let state = subscriber.state.lock();
            let unused = state.subscriptions.is_empty() && state.received.is_empty();
            (state.will.as_ref().map(|will| will.delay_seconds.min(closing.expiry_seconds)), unused)
        };
        let after = |seconds: u32| self.now().saturating_add(u64::from(seconds) * 1_000);
        match delay {
            Some(0) => self.publish_will(subscriber).await,
            Some(seconds) => self.timers.add(after(seconds), subscriber, Due::Will),
            None => {}
        }
        if closing.expiry_seconds == 0 || (unused && delay.is_none_or(|delay| delay == 0)) {
            self.end(subscriber).await;
        } else if closing.expiry_seconds < u32::MAX {
            self.timers.add(after(closing.expiry_seconds), subscriber, Due::End);
        }
    }

    /// A session has ended: with it ends what it subscribed to, and what waits for it.
    pub(super) async fn end(&self, subscriber: &Arc<Subscriber>) {
        self.publish_will(subscriber).await;
        subscriber.generation.fetch_add(1, Relaxed);
        let subscriptions = std::mem::take(&mut subscriber.state.lock().subscriptions);
        for subscription in &subscriptions {
            self.withdraw(subscriber, &subscription.filter);
        }
        let ended = subscriber.end(&self.parts.stats);
        self.note_ended(subscriber, ended);
        if std::mem::take(&mut subscriber.state.lock().has_facts) {
            self.log.note(subscriber.fact(PlainFact::Ended));
        }
        let mut subscribers = self.subscribers.lock();
        let key = (subscriber.sender.user.clone(), subscriber.sender.device.clone());
        if subscribers.get(&key).is_some_and(|known| Arc::ptr_eq(known, subscriber)) {
            subscribers.remove(&key);
            self.parts.stats.subscribers.add(-1);
        }
    }
}
