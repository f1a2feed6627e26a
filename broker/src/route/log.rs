//! The one writer of the log. What is published for sessions that may be away is stored first, once for all of them, then handed to
//! their queues, then acknowledged; everything that came up while a commit ran is the next commit.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use longwave_model::{ErrorCode, PlainFact, PlainState, Refusal};
use longwave_port::{Answer, LoggedMessage, PlainLog, PlainMessage};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tracing::warn;

use super::hold::Hold;
use super::queue::Copy;
use super::router::{Router, To};
use super::stats::Dropped;
use super::subscriber::Subscriber;

/// Messages of one commit at most.
const MESSAGES: usize = 1_000;
/// How far sessions are is written this often (protocol.md, cursors: within a second).
const FLUSH: Duration = Duration::from_millis(500);
/// Wait after a commit that failed, when nobody waits for what is to be written.
const PAUSE: Duration = Duration::from_millis(200);

/// A message that sessions want which may be away.
pub(super) struct Entry {
    pub(super) message: Arc<PlainMessage>,
    /// The distinct filters by which they want it.
    pub(super) filters: SmallVec<[Arc<str>; 1]>,
    /// Who gets it when it is stored.
    pub(super) targets: Vec<(To, Copy)>,
    /// The answer to the publish, if anybody waits for one.
    pub(super) answer: Option<Arc<Hold>>,
    /// The QoS 2 publish that it is.
    pub(super) taken: Option<PlainState>,
}

impl Entry {
    pub(super) fn of(message: &Arc<PlainMessage>) -> Self {
        let (filters, targets) = (SmallVec::new(), Vec::new());
        Self { message: message.clone(), filters, targets, answer: None, taken: None }
    }

    fn bytes(&self) -> usize {
        self.message.topic.len() + self.message.payload.len()
    }

    /// Those that want it may find it by these.
    pub(super) fn want(&mut self, filters: impl Iterator<Item = Arc<str>>) {
        for filter in filters {
            if !self.filters.contains(&filter) {
                self.filters.push(filter);
            }
        }
    }
}

/// The writer.
pub(super) struct Log {
    store: Arc<dyn PlainLog>,
    queued: Mutex<Queued>,
    wake: Notify,
    /// Bytes of messages that wait to be stored.
    waiting: AtomicUsize,
    /// The latest number given away.
    given: AtomicU64,
    /// The latest number stored.
    last: AtomicU64,
}

/// Who waits for facts to be stored.
type Asked = oneshot::Sender<Result<(), Refusal>>;

#[derive(Default)]
struct Queued {
    entries: Vec<Entry>,
    facts: Vec<PlainState>,
    asked: Vec<(Vec<PlainState>, Asked)>,
    /// Deliveries whose PUBREC is among the facts.
    received: Vec<(Arc<Subscriber>, u64)>,
    consumed: Vec<(Arc<str>, u64)>,
    dirty: Vec<Arc<Subscriber>>,
}

impl Queued {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.facts.is_empty() && self.asked.is_empty() && self.consumed.is_empty()
    }
}

impl Log {
    /// Over a log whose highest number is this.
    pub(super) fn new(store: Arc<dyn PlainLog>, last: u64) -> Self {
        Self {
            store,
            queued: Mutex::default(),
            wake: Notify::new(),
            waiting: AtomicUsize::new(0),
            given: AtomicU64::new(last),
            last: AtomicU64::new(last),
        }
    }

    pub(super) fn store(&self) -> &Arc<dyn PlainLog> {
        &self.store
    }

    /// The latest number stored.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Relaxed)
    }

    /// Bytes of messages that wait to be stored.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Stores and hands out a message, then answers.
    pub(super) fn publish(&self, entry: Entry) {
        self.waiting.fetch_add(entry.bytes(), Relaxed);
        if let Some(answer) = &entry.answer {
            answer.await_store();
        }
        self.queued.lock().entries.push(entry);
        self.wake.notify_one();
    }

    /// Stores a fact, with nobody waiting.
    pub(super) fn note(&self, fact: PlainState) {
        self.queued.lock().facts.push(fact);
        self.wake.notify_one();
    }

    /// Stores facts; durable when it returns.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be written.
    pub(super) async fn keep(&self, facts: Vec<PlainState>) -> Result<(), Refusal> {
        if facts.is_empty() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.queued.lock().asked.push((facts, answer));
        self.wake.notify_one();
        answered.await.unwrap_or_else(|_| Err(Refusal::new(ErrorCode::StoreUnavailable, "the server is stopping")))
    }

    /// Stores that the device has a delivery, then lets its PUBREL go.
    pub(super) fn received(&self, subscriber: &Arc<Subscriber>, number: u64, fact: PlainState) {
        let mut queued = self.queued.lock();
        queued.facts.push(fact);
        queued.received.push((subscriber.clone(), number));
        drop(queued);
        self.wake.notify_one();
    }

    /// A shared subscription is done with a message.
    pub(super) fn consume(&self, filter: Arc<str>, number: u64) {
        self.queued.lock().consumed.push((filter, number));
    }

    /// A session's place has moved: written within [`FLUSH`].
    pub(super) fn moved(&self, subscriber: &Arc<Subscriber>) {
        self.queued.lock().dirty.push(subscriber.clone());
    }

    /// Writes as long as the router lives.
    pub(super) async fn write_all(self: Arc<Self>, router: Weak<Router>) {
        let mut flushed = Instant::now();
        loop {
            // Woken, or time to flush.
            let _ = tokio::time::timeout_at(flushed + FLUSH, self.wake.notified()).await;
            let Some(router) = router.upgrade() else { return };
            loop {
                let flush = flushed.elapsed() >= FLUSH;
                if flush {
                    flushed = Instant::now();
                }
                if !self.write_some(&router, flush).await {
                    break;
                }
            }
        }
    }

    /// One commit of what is queued; `false` when there was nothing, or it failed.
    pub(super) async fn write_some(&self, router: &Router, flush: bool) -> bool {
        let mut now = {
            let mut queued = self.queued.lock();
            let dirty = if flush { std::mem::take(&mut queued.dirty) } else { Vec::new() };
            let consumed = if flush { std::mem::take(&mut queued.consumed) } else { Vec::new() };
            let rest = queued.entries.len().min(MESSAGES);
            let rest = queued.entries.split_off(rest);
            Queued {
                entries: std::mem::replace(&mut queued.entries, rest),
                facts: std::mem::take(&mut queued.facts),
                asked: std::mem::take(&mut queued.asked),
                received: std::mem::take(&mut queued.received),
                consumed,
                dirty,
            }
        };
        let bytes: usize = now.entries.iter().map(Entry::bytes).sum();
        for subscriber in std::mem::take(&mut now.dirty) {
            now.facts.extend(subscriber.place(self.last()));
        }
        if now.is_empty() {
            return false;
        }
        let first = self.given.fetch_add(now.entries.len() as u64, Relaxed) + 1;
        let consumed = std::mem::take(&mut now.consumed);
        let committed = self.commit(router, &mut now, first, consumed).await;
        self.waiting.fetch_sub(bytes, Relaxed);
        match committed {
            Ok(()) => {
                let last = first + now.entries.len() as u64 - 1;
                self.hand_out(router, now);
                // After everybody knows what is owed: what is not owed and not above this is taken out of the log.
                self.last.store(last, Relaxed);
                true
            }
            Err(refusal) => {
                warn!(code = refusal.code.number(), reason = %refusal.reason, "messages on plain topics not stored");
                self.give_up(router, now, &refusal);
                tokio::time::sleep(PAUSE).await;
                false
            }
        }
    }

    async fn commit(
        &self,
        router: &Router,
        now: &mut Queued,
        first: u64,
        consumed: Vec<(Arc<str>, u64)>,
    ) -> Result<(), Refusal> {
        let ts = router.now();
        let mut facts = now.facts.clone();
        facts.extend(now.asked.iter().flat_map(|(facts, _)| facts.iter().cloned()));
        let mut messages = Vec::with_capacity(now.entries.len());
        for (number, entry) in (first..).zip(&mut now.entries) {
            for (to, copy) in &mut entry.targets {
                copy.number = number;
                if let (To::One(subscriber), 2) = (&*to, copy.qos) {
                    copy.flight = subscriber.reserve(number, &router.parts.settings);
                    facts.extend(copy.flight.map(|flight| PlainState {
                        user: subscriber.sender.user.clone(),
                        device: subscriber.sender.device.clone(),
                        fact: PlainFact::Flight { number, flight: Some(flight) },
                    }));
                }
            }
            facts.extend(entry.taken.clone());
            let filters = entry.filters.to_vec();
            messages.push((number, LoggedMessage { message: entry.message.clone(), filters, ts }));
        }
        if !messages.is_empty() || !facts.is_empty() {
            self.store.append(messages, facts).await?;
        }
        if !consumed.is_empty()
            && let Err(refusal) = self.store.consume(consumed.clone()).await
        {
            self.queued.lock().consumed.extend(consumed);
            return Err(refusal);
        }
        Ok(())
    }

    fn hand_out(&self, router: &Router, now: Queued) {
        let (settings, stats, time) = (&router.parts.settings, &router.parts.stats, router.now());
        for Entry { targets, answer, taken, .. } in now.entries {
            if let Some(taken) = &taken {
                router.settle(taken, true);
            }
            if let Some(answer) = &answer {
                answer.stored();
            }
            for (to, copy) in targets {
                let held = match to {
                    To::One(subscriber) => subscriber.logged(copy, settings, stats, time, answer.as_ref()),
                    To::Group(group) => {
                        group.logged(copy, settings, stats, time);
                        false
                    }
                };
                if held && let Some(answer) = &answer {
                    router.hold(answer);
                }
            }
            // Answered when the last of those lets go that hold it back.
            drop(answer);
        }
        for (subscriber, number) in now.received {
            subscriber.release(number);
        }
        for (_, asked) in now.asked {
            // Who asked may have gone.
            let _ = asked.send(Ok(()));
        }
    }

    fn give_up(&self, router: &Router, now: Queued, refusal: &Refusal) {
        let stats = &router.parts.stats;
        for entry in now.entries {
            if let Some(taken) = &entry.taken {
                router.settle(taken, false);
            }
            stats.copies.add(entry.targets.len() as u64);
            stats.drop_many(Dropped::NotStored, entry.targets.len());
            if let Some(answer) = entry.answer {
                answer.answer(match refusal.code {
                    ErrorCode::DiskFull => Answer::Refused { refusal: refusal.clone(), notice: None },
                    // It may be stored all the same: the client is to send it again.
                    _ => Answer::Unknown,
                });
            }
        }
        for (_, asked) in now.asked {
            let _ = asked.send(Err(refusal.clone()));
        }
        let mut queued = self.queued.lock();
        let facts = std::mem::replace(&mut queued.facts, now.facts);
        queued.facts.extend(facts);
        queued.received.extend(now.received);
    }
}
