//! One router, its clock, and devices.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{DeviceId, ErrorCode, Refusal, UserId};
use longwave_port::{
    Answer, Answers, Asker, Closing, Completion, Delivery, Feed, Gate, Guarantee, Mailbox, Open, Opened, Outlet,
    PlainMessage, PlainStore, Publish, PublishProperties, Sender, StoredWill, Subscription, Ticket, TopicAccess, Will,
};
use parking_lot::Mutex;

use super::super::{RouteSettings, RouteStats, Router, RouterParts};
use super::memory_log::{LogOf, MemoryLog};

pub(super) struct World {
    pub(super) router: Arc<Router>,
    pub(super) store: Arc<Memory>,
    feed: Arc<Sessions>,
    clock: Arc<AtomicU64>,
}

/// What a killed server leaves.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) retained: Mutex<BTreeMap<String, PlainMessage>>,
    pub(super) wills: Mutex<HashMap<(UserId, DeviceId), StoredWill>>,
    pub(super) log: MemoryLog,
}

impl World {
    pub(super) async fn new(settings: RouteSettings) -> Self {
        Self::on(Arc::default(), Arc::default(), settings, "secret").await
    }

    async fn on(store: Arc<Memory>, feed: Arc<Sessions>, settings: RouteSettings, secret: &'static str) -> Self {
        let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
        let read = clock.clone();
        let parts = RouterParts {
            gate: Arc::new(Elsewhere),
            feed: feed.clone(),
            access: Arc::new(NothingSecret(secret)),
            store: store.clone(),
            log: Arc::new(LogOf { memory: store.clone(), sessions: feed.clone() }),
            settings,
            stats: Arc::new(RouteStats::default()),
            clock: Arc::new(move || read.load(Relaxed)),
        };
        Self { router: Router::start(parts).await.unwrap(), store, feed, clock }
    }

    /// The server is killed and starts again.
    pub(super) async fn crash(self) -> Self {
        self.restart("secret").await
    }

    /// It starts again, and what begins like this is forbidden.
    pub(super) async fn restart(self, secret: &'static str) -> Self {
        let settings = self.router.parts.settings.clone();
        Self::on(self.store, self.feed, settings, secret).await
    }

    /// Waits until everything is stored and handed out that came up so far.
    pub(super) async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    /// Writes how far sessions are, which otherwise happens twice a second, and tidies the log up.
    pub(super) async fn tidy(&self) {
        self.router.log.write_some(&self.router, true).await;
        let mut after = 0;
        loop {
            after = self.router.tidy_part(after).await.unwrap().0;
            if after == 0 {
                return;
            }
        }
    }

    /// Lets time pass, and what is due happen.
    pub(super) async fn pass(&self, milliseconds: u64) {
        self.clock.fetch_add(milliseconds, Relaxed);
        let now = self.router.now();
        self.router.holds.expire(now);
        self.router.retained.expire(now, self.stats());
        for job in self.router.timers.due(now) {
            self.router.do_job(&job).await;
        }
    }

    pub(super) fn stats(&self) -> &RouteStats {
        self.router.stats()
    }

    pub(super) async fn device(&self, name: &str) -> Device {
        self.connect(name, Connect::default()).await
    }

    pub(super) async fn connect(&self, name: &str, connect: Connect) -> Device {
        let mailbox = Arc::new(Letterbox::default());
        let open = Open {
            user: UserId::parse(name).unwrap(),
            device: DeviceId::parse("device").unwrap(),
            service: false,
            clean_start: connect.expiry_seconds == 0,
            expiry_seconds: connect.expiry_seconds,
            will: connect.will.map(Box::new),
            now: self.router.now(),
            mailbox: mailbox.clone(),
        };
        let opened = self.router.open(open).await.unwrap();
        Device { router: self.router.clone(), opened, mailbox, expiry_seconds: connect.expiry_seconds, next: 0 }
    }
}

#[derive(Default)]
pub(super) struct Connect {
    pub(super) expiry_seconds: u32,
    pub(super) will: Option<Will>,
}

pub(super) fn durable() -> Connect {
    Connect { expiry_seconds: 3_600, will: None }
}

pub(super) struct Device {
    router: Arc<Router>,
    pub(super) opened: Opened,
    pub(super) mailbox: Arc<Letterbox>,
    expiry_seconds: u32,
    next: u16,
}

#[derive(Default)]
pub(super) struct Letterbox {
    pub(super) woken: AtomicUsize,
}

impl Mailbox for Letterbox {
    fn wake(&self) {
        self.woken.fetch_add(1, Relaxed);
    }
    fn close(&self, _: Refusal) {}
}

/// What became of a publish.
#[derive(Default)]
pub(super) struct Fate(pub(super) Mutex<Option<Answer>>);

impl Answers for Fate {
    fn answer(&self, _: u64, answer: Answer) {
        *self.0.lock() = Some(answer);
    }
}

impl Fate {
    pub(super) fn is_done(&self) -> bool {
        matches!(*self.0.lock(), Some(Answer::Done { .. }))
    }

    /// Nobody knows; the same as a connection that ends.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(*self.0.lock(), Some(Answer::Unknown))
    }

    pub(super) fn refused(&self) -> Option<ErrorCode> {
        match &*self.0.lock() {
            Some(Answer::Refused { refusal, .. }) => Some(refusal.code),
            _ => None,
        }
    }

    pub(super) async fn durable(&self) {
        while self.0.lock().is_none() {
            tokio::task::yield_now().await;
        }
        assert!(self.is_done());
    }
}

impl Device {
    pub(super) fn publish(&self, topic: &str, payload: &str, qos: u8) -> Arc<Fate> {
        self.publish_with(topic, payload, qos, |_| {})
    }

    pub(super) fn publish_with(
        &self,
        topic: &str,
        payload: &str,
        qos: u8,
        change: impl FnOnce(&mut Publish),
    ) -> Arc<Fate> {
        let fate = Arc::new(Fate::default());
        let mut publish = Publish {
            sender: self.opened.sender.clone(),
            number: 1,
            route: None,
            topic: topic.into(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            retain: false,
            guarantee: match qos {
                0 => Guarantee::AtMostOnce,
                1 => Guarantee::AtLeastOnce { packet_id: 1, resend_of: None },
                _ => Guarantee::ExactlyOnce { packet_id: 1, uses: 0 },
            },
            properties: None,
            wants_notice: false,
        };
        change(&mut publish);
        self.router.publish(publish, Completion::new(fate.clone(), 0));
        fate
    }

    pub(super) async fn retain(&self, topic: &str, payload: &str) {
        self.publish_with(topic, payload, 1, |publish| publish.retain = true).durable().await;
    }

    pub(super) async fn subscribe(&self, filter: &str, qos: u8) {
        self.subscribe_with(filter, qos, |_| {}).await;
    }

    pub(super) async fn subscribe_with(&self, filter: &str, qos: u8, change: impl FnOnce(&mut Subscription)) {
        let mut subscription = Subscription {
            filter: filter.into(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
            identifier: None,
        };
        change(&mut subscription);
        assert_eq!(self.opened.outlet.subscribe(vec![subscription]).await.unwrap(), [Ok(qos)]);
    }

    pub(super) fn take(&self, room: usize) -> Vec<Delivery> {
        let mut out = Vec::new();
        self.opened.outlet.take(room, usize::MAX, &mut out);
        out
    }

    /// Takes and acknowledges all there is, also what is read from the log meanwhile: texts.
    pub(super) async fn all_texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..50 {
            texts.extend(self.texts());
            tokio::task::yield_now().await;
        }
        texts
    }

    /// Takes and acknowledges all there is: texts.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let taken = self.take(10);
            if taken.is_empty() {
                return texts;
            }
            for delivery in taken {
                texts.push(String::from_utf8_lossy(&delivery.payload).into_owned());
                if let Some(ticket) = delivery.ticket {
                    self.opened.outlet.acked(ticket);
                }
            }
        }
    }

    pub(super) async fn close(self, good_bye: bool) {
        self.close_with(good_bye, Vec::new()).await;
    }

    pub(super) async fn close_with(self, good_bye: bool, in_flight: Vec<(u16, Ticket)>) {
        let closing =
            Closing { expiry_seconds: self.expiry_seconds, good_bye, in_flight, now: 0, ..Closing::default() };
        self.opened.outlet.close(closing).await;
    }

    /// The next packet ids for deliveries.
    pub(super) fn sent(&mut self, deliveries: &[Delivery]) -> Vec<(u16, Ticket)> {
        let tickets = deliveries.iter().filter_map(|delivery| delivery.ticket);
        tickets
            .map(|ticket| {
                self.next += 1;
                (self.next, ticket)
            })
            .collect()
    }
}

pub(super) fn expires_in(seconds: u32) -> Option<Box<PublishProperties>> {
    Some(Box::new(PublishProperties { expiry_seconds: Some(seconds), ..PublishProperties::default() }))
}

pub(super) fn will(topic: &str, delay_seconds: u32) -> Will {
    Will { topic: topic.into(), payload: "lost".into(), qos: 1, retain: false, delay_seconds, properties: None }
}

/// Everything is allowed but what begins like this.
struct NothingSecret(&'static str);

impl TopicAccess for NothingSecret {
    fn may_publish(&self, _: Asker<'_>, topic: &str, _: bool) -> Result<(), Refusal> {
        self.may_subscribe_to(topic)
    }
    fn may_subscribe(&self, _: Asker<'_>, filter: &str) -> Result<(), Refusal> {
        self.may_subscribe_to(filter)
    }
    fn is_administrator(&self, asker: Asker<'_>) -> bool {
        asker.user.as_str() == "admin"
    }
}

impl NothingSecret {
    fn may_subscribe_to(&self, name: &str) -> Result<(), Refusal> {
        match name.starts_with(self.0) {
            true => Err(Refusal::new(ErrorCode::NotYourTopic, "secret")),
            false => Ok(()),
        }
    }
}

/// The gate behind: knows that a publish is not for the router.
struct Elsewhere;

impl Gate for Elsewhere {
    fn publish(&self, _: Publish, completion: Completion) {
        completion.complete(Answer::Stored { seq: longwave_model::Seq(1), ts: 1, notice: None });
    }
}

pub(super) type Rows = Arc<Mutex<HashMap<(UserId, DeviceId), Vec<Subscription>>>>;

/// Sessions with their subscriptions.
#[derive(Default)]
pub(super) struct Sessions(pub(super) Rows);

struct Kept {
    rows: Rows,
    key: (UserId, DeviceId),
}

#[async_trait]
impl Feed for Sessions {
    async fn open(&self, open: Open) -> Result<Opened, Refusal> {
        let key = (open.user.clone(), open.device.clone());
        let known = self.0.lock().remove(&key).filter(|_| !open.clean_start);
        let sender = Sender { user: open.user, device: open.device, service: false, incarnation: 1, connection: 1 };
        self.0.lock().insert(key.clone(), known.clone().unwrap_or_default());
        Ok(Opened {
            outlet: Arc::new(Kept { rows: self.0.clone(), key }),
            session_present: known.is_some(),
            sender: Arc::new(sender),
            subscriptions: known.unwrap_or_default(),
            qos2_uses: Vec::new(),
            unsettled: Vec::new(),
        })
    }
}

#[async_trait]
impl Outlet for Kept {
    async fn subscribe(&self, subscriptions: Vec<Subscription>) -> Result<Vec<Result<u8, Refusal>>, Refusal> {
        let mut rows = self.rows.lock();
        let held = rows.entry(self.key.clone()).or_default();
        let answers = subscriptions.iter().map(|subscription| Ok(subscription.qos)).collect();
        for subscription in subscriptions {
            held.retain(|held| held.filter != subscription.filter);
            held.push(subscription);
        }
        Ok(answers)
    }
    async fn unsubscribe(&self, filters: Vec<String>) -> Result<Vec<bool>, Refusal> {
        let mut rows = self.rows.lock();
        let held = rows.entry(self.key.clone()).or_default();
        held.retain(|held| !filters.contains(&held.filter));
        Ok(vec![true; filters.len()])
    }
    fn take(&self, _: usize, _: usize, _: &mut Vec<Delivery>) {}
    fn acked(&self, ticket: Ticket) {
        panic!("{ticket:?} is not of the feed");
    }
    async fn released(&self, _: u16, _: u32) -> Result<(), Refusal> {
        Ok(())
    }
    async fn close(&self, closing: Closing) {
        assert!(closing.in_flight.is_empty());
        if closing.expiry_seconds == 0 {
            self.rows.lock().remove(&self.key);
        }
    }
}

#[async_trait]
impl PlainStore for Memory {
    async fn retained(&self) -> Result<Vec<PlainMessage>, Refusal> {
        Ok(self.retained.lock().values().cloned().collect())
    }
    async fn retain(&self, changes: Vec<(Arc<str>, Option<Arc<PlainMessage>>)>) -> Result<(), Refusal> {
        let mut retained = self.retained.lock();
        for (topic, kept) in changes {
            match kept {
                Some(message) => drop(retained.insert(topic.to_string(), PlainMessage::clone(&message))),
                None => drop(retained.remove(&*topic)),
            }
        }
        Ok(())
    }
    async fn wills(&self) -> Result<Vec<StoredWill>, Refusal> {
        Ok(self.wills.lock().values().cloned().collect())
    }
    async fn put_will(&self, will: StoredWill) -> Result<(), Refusal> {
        self.wills.lock().insert((will.user.clone(), will.device.clone()), will);
        Ok(())
    }
    async fn drop_will(&self, user: &UserId, device: &DeviceId) -> Result<(), Refusal> {
        self.wills.lock().remove(&(user.clone(), device.clone()));
        Ok(())
    }
}
