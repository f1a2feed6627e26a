//! The push worker: takes messages that devices may have to be woken for, waits, decides, sends, writes down how it ended.
//!
//! Memory holds one push per device and conversation, at most so many as the settings say; with no room left it takes nothing more, and the
//! journal keeps the rest. A push that its provider does not take gives way when others need its room, so that one application that is
//! refused never stops another.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use longwave_model::{ConversationId, Entry, Seq, ShardId, UserId};
use longwave_persistence::{PushRecord, PushState, Store};
use longwave_port::{Connected, PushMessage, PushSink, PushTicket};
use longwave_wake::remove_if_unchanged;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, error, warn};

use crate::clear::{Clearing, Read};
use crate::coalesce::{Owed, Pair, Pairs, Turn, Waiting, Weight, Windows};
use crate::decide::{Decider, Decision, Push, millis};
use crate::outcome::Recorder;
use crate::registered::{Devices, Known};
use crate::send::{Clock, CollapseKey, Outcome, Sender, Urgency};
use crate::settings::PushSettings;
use crate::stats::PushStats;

/// Pause after a store that did not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause of a push whose provider did not say how long, in milliseconds.
const AGAIN: u64 = 5_000;
/// Users of one message whose registrations are read at once.
const LOOKUPS: usize = 32;
/// Characters of a message that are shown where the deployment has opted in.
const SHOWN: usize = 200;
/// Reads that may wait to be looked at; more are not looked at.
const READS: usize = 10_000;
/// How often the age of what waits is measured.
const MEASURE: Duration = Duration::from_secs(5);

/// What a worker is made of.
pub struct PushParts {
    /// Where registrations, cursors and records are kept.
    pub store: Arc<dyn Store>,
    /// The providers.
    pub sender: Arc<Sender>,
    /// Who is connected.
    pub connected: Arc<dyn Connected>,
    /// The time of day.
    pub clock: Clock,
    /// The key by which conversations are named to providers.
    pub collapse: CollapseKey,
    /// When to wake.
    pub settings: PushSettings,
    /// Where it counts.
    pub stats: Arc<PushStats>,
}

/// A running worker. Dropping it ends it; what was not recorded is handed over again to the next.
pub struct PushWorker {
    desk: Arc<Desk>,
    reads: mpsc::Sender<Read>,
    tasks: Vec<AbortHandle>,
}

/// What turns work on.
pub(crate) struct Desk {
    pub(crate) decider: Decider,
    pub(crate) known: Known,
    pub(crate) sender: Arc<Sender>,
    pub(crate) stats: Arc<PushStats>,
    recorder: Recorder,
    pairs: Mutex<Pairs>,
    /// Something is due earlier than before.
    hurry: Notify,
    /// Something waits no more.
    room: Notify,
    slots: Semaphore,
    began: Instant,
}

impl PushWorker {
    /// Starts it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(parts: PushParts) -> Arc<Self> {
        let PushParts { store, sender, connected, clock, collapse, settings, stats } = parts;
        let windows = Windows {
            grace: millis(settings.grace),
            first: millis(settings.first_window),
            longest: millis(settings.longest_window),
        };
        let desk = Arc::new(Desk {
            known: Known::new(store.clone(), settings.remembered),
            recorder: Recorder::start(store.clone()),
            sender,
            stats,
            pairs: Mutex::new(Pairs::new(windows)),
            hurry: Notify::new(),
            room: Notify::new(),
            slots: Semaphore::new(settings.decisions.clamp(1, Semaphore::MAX_PERMITS)),
            began: Instant::now(),
            decider: Decider::new(store, connected, clock, collapse, settings),
        });
        let (reads, queue) = mpsc::channel(READS);
        let clearing = Clearing::new(desk.clone());
        let tasks = [
            tokio::spawn(desk.clone().schedule()).abort_handle(),
            tokio::spawn(desk.clone().measure()).abort_handle(),
            tokio::spawn(clearing.run(queue)).abort_handle(),
        ];
        Arc::new(Self { desk, reads, tasks: tasks.into() })
    }
}

impl Drop for PushWorker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

#[async_trait]
impl PushSink for PushWorker {
    async fn hand_over(&self, _: ShardId, messages: Vec<PushMessage>, ticket: PushTicket) {
        for PushMessage { entry, to } in messages {
            self.desk.stats.handed.fetch_add(1, Relaxed);
            let mut unknown = Vec::new();
            for user in to.iter().filter(|user| **user != entry.sender) {
                match self.desk.known.remembered(user) {
                    Some(devices) => self.desk.take(&entry, user, &devices, &ticket).await,
                    None => unknown.push(user.clone()),
                }
            }
            for some in unknown.chunks(LOOKUPS) {
                let found = join_all(some.iter().map(|user| self.desk.devices(user))).await;
                for (user, devices) in some.iter().zip(found) {
                    self.desk.take(&entry, user, &devices, &ticket).await;
                }
            }
        }
    }

    fn read(&self, conversation: &ConversationId, user: &UserId, seq: Seq) {
        // Without room a notification stays where it is until the application is opened.
        let _ = self.reads.try_send(Read { conversation: conversation.clone(), user: user.clone(), seq });
    }

    fn registered(&self, user: &UserId) {
        self.desk.known.forget(user);
    }
}

impl Desk {
    /// Milliseconds of a clock that never goes back.
    pub(crate) fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// The registered devices of a user, read however long it takes.
    async fn devices(&self, user: &UserId) -> Devices {
        loop {
            match self.known.read(user).await {
                Ok(devices) => return devices,
                Err(error) => {
                    warn!(%error, "registrations cannot be read");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn take(&self, entry: &Arc<Entry>, user: &UserId, devices: &Devices, ticket: &PushTicket) {
        for device in devices.iter() {
            let pair = Pair { user: user.clone(), device: device.clone(), conversation: entry.conversation.clone() };
            self.add(pair, owed(entry, user, ticket, self.decider.settings.text)).await;
        }
    }

    async fn add(&self, pair: Pair, owed: Owed) {
        let capacity = self.decider.settings.waiting.max(1);
        loop {
            let room = self.room.notified();
            let given_up = {
                let mut pairs = self.pairs.lock();
                if pairs.waiting() < capacity {
                    pairs.add(pair, owed, self.now());
                    self.stats.waiting.store(pairs.waiting() as u64, Relaxed);
                    self.hurry.notify_one();
                    return;
                }
                pairs.give_up_oldest_stuck()
            };
            match given_up {
                Some((pair, waiting)) => {
                    self.record(&pair, &waiting, PushState::Failed, Some("too many wait".into())).await;
                }
                None => room.await,
            }
        }
    }

    /// Gives each pair its turn when it is due.
    async fn schedule(self: Arc<Self>) {
        let mut turns = JoinSet::new();
        loop {
            let hurry = self.hurry.notified();
            let due = loop {
                let now = self.now();
                let next = self.pairs.lock().next(now);
                match next {
                    Some((pair, waiting)) => drop(turns.spawn(self.clone().turn(pair, waiting))),
                    None => break self.pairs.lock().next_due(),
                }
            };
            self.stats.waiting.store(self.pairs.lock().waiting() as u64, Relaxed);
            self.room.notify_waiters();
            let wake = self.began + Duration::from_millis(due.unwrap_or(u64::MAX / 2).min(1 << 40));
            tokio::select! {
                () = hurry => {}
                () = sleep_until(wake) => {}
                Some(ended) = turns.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        error!(%error, "a defect ended a push");
                    }
                }
            }
        }
    }

    async fn turn(self: Arc<Self>, pair: Arc<Pair>, waiting: Waiting) {
        let turn = self.decide(&pair, waiting).await;
        if matches!(turn, Turn::Again(..)) {
            self.stats.again.fetch_add(1, Relaxed);
        }
        self.pairs.lock().end(&pair, turn, self.now());
        self.hurry.notify_one();
    }

    async fn decide(&self, pair: &Pair, waiting: Waiting) -> Turn {
        let decided = {
            let Ok(_slot) = self.slots.acquire().await else { return Turn::Again(waiting, AGAIN) };
            self.decider.decide(pair, &waiting).await
        };
        match decided {
            Err(error) => {
                warn!(%error, "a push cannot be decided");
                Turn::Again(waiting, millis(PAUSE))
            }
            Ok(Decision::Done) => {
                self.stats.acknowledged.fetch_add(1, Relaxed);
                Turn::Ended
            }
            Ok(Decision::Later(wait)) => Turn::Again(waiting, wait),
            Ok(Decision::End(state)) => {
                self.record(pair, &waiting, state, None).await;
                // A muted conversation is not looked at for every message.
                if state == PushState::Muted { Turn::Sent } else { Turn::Ended }
            }
            Ok(Decision::Send(push)) => self.send(pair, waiting, *push).await,
        }
    }

    async fn send(&self, pair: &Pair, waiting: Waiting, push: Push) -> Turn {
        match self.sender.send(&push.app, &push.target, &push.notification).await {
            Outcome::Sent { provider_id } => {
                if push.notification.urgency == Urgency::Background {
                    self.decider.note_background(pair);
                }
                self.record(pair, &waiting, PushState::Sent, provider_id).await;
                Turn::Sent
            }
            Outcome::Retry { after, reason } => {
                debug!(app = %push.app, %reason, "a push has to wait");
                Turn::Again(waiting, after.map_or(AGAIN, millis))
            }
            Outcome::TokenGone { at } => {
                if self.drop_token(pair, &push, at).await {
                    self.record(pair, &waiting, PushState::TokenGone, None).await;
                    return Turn::Ended;
                }
                // It was registered again meanwhile.
                Turn::Again(waiting, AGAIN)
            }
            Outcome::Failed { reason } => {
                self.record(pair, &waiting, PushState::Failed, Some(reason.to_string())).await;
                Turn::Ended
            }
            Outcome::Expired => {
                self.record(pair, &waiting, PushState::Expired, None).await;
                Turn::Ended
            }
        }
    }

    /// Takes a token away that its provider knows no more, unless the device has registered since. Whether it is gone.
    async fn drop_token(&self, pair: &Pair, push: &Push, at: Option<u64>) -> bool {
        if at.is_some_and(|at| push.registered.registration.registered_at > at) {
            // The provider speaks of an earlier life of the same token.
            return false;
        }
        self.known.forget(&pair.user);
        let version = push.registered.version;
        match remove_if_unchanged(&*self.decider.store, &pair.user, &pair.device, version).await {
            Ok(gone) => gone,
            Err(error) => {
                warn!(%error, "a token that died cannot be removed");
                false
            }
        }
    }

    async fn record(&self, pair: &Pair, waiting: &Waiting, state: PushState, detail: Option<String>) {
        let Some(newest) = waiting.last() else { return };
        let record = PushRecord {
            user: pair.user.clone(),
            device: pair.device.clone(),
            conversation: pair.conversation.clone(),
            seq: newest.seq,
            state,
            detail,
            ts: self.decider.clock.millis(),
        };
        self.recorder.record(record).await;
        self.stats.end(state);
    }

    async fn measure(self: Arc<Self>) {
        loop {
            let oldest = self.pairs.lock().oldest();
            self.stats.oldest.store(oldest.unwrap_or(0), Relaxed);
            sleep(MEASURE).await;
        }
    }
}

fn owed(entry: &Arc<Entry>, user: &UserId, ticket: &PushTicket, text: bool) -> Owed {
    let message = entry.message();
    let weight = match message {
        Some(message) if message.mentions.contains(user) => Weight::Mention,
        Some(message) if message.silent => Weight::Silent,
        _ => Weight::Plain,
    };
    Owed {
        seq: entry.seq,
        ts: entry.ts,
        gone: entry.expires_at,
        weight,
        text: text.then(|| shown(entry)).flatten(),
        sender: entry.sender.clone(),
        ticket: ticket.clone(),
    }
}

/// What may be shown of a message: nothing of what is encrypted, or no text.
fn shown(entry: &Entry) -> Option<Arc<str>> {
    let message = entry.message().filter(|message| message.scheme.is_none())?;
    let is_text = message.content_type.as_deref().is_none_or(|kind| kind.starts_with("text/"));
    let body = std::str::from_utf8(&message.body).ok().filter(|body| is_text && !body.is_empty())?;
    let end = body.char_indices().nth(SHOWN).map_or(body.len(), |(at, _)| at);
    Some(body[..end].into())
}

impl std::fmt::Debug for PushWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushWorker").field("waiting", &self.desk.pairs.lock().waiting()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PushParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushParts").field("settings", &self.settings).finish_non_exhaustive()
    }
}
