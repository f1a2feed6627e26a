//! The router: what all sessions share, and the way of a message from its publish to the queues of those who want it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use longwave_model::{DeviceId, Refusal, UserId};
use longwave_port::{Feed, Gate, PlainLog, PlainMessage, PlainStore, Sender, TopicAccess};
use longwave_topic_index::TopicIndex;
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use super::group::Group;
use super::hold::{Hold, Holds};
use super::log::{Entry, Log};
use super::queue::Copy;
use super::retained::Retained;
use super::settings::RouteSettings;
use super::stats::{Dropped, RouteStats};
use super::subscriber::{Ended, Subscriber};
use super::system::System;
use super::timers::Timers;

/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(100);

/// What a router is made of.
pub struct RouterParts {
    /// Takes what is not for plain topics.
    pub gate: Arc<dyn Gate>,
    /// Opens the feeds behind the sessions.
    pub feed: Arc<dyn Feed>,
    /// Who may use which topics.
    pub access: Arc<dyn TopicAccess>,
    /// What outlives the process.
    pub store: Arc<dyn PlainStore>,
    /// What waits for sessions that may be away.
    pub log: Arc<dyn PlainLog>,
    /// Limits.
    pub settings: RouteSettings,
    /// Where to count.
    pub stats: Arc<RouteStats>,
    /// Unix time in milliseconds.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Plain topics of one process.
pub struct Router {
    pub(super) parts: RouterParts,
    pub(super) index: RwLock<TopicIndex<u64, Target>>,
    pub(super) groups: Mutex<HashMap<String, Arc<Group>>>,
    pub(super) subscribers: Mutex<HashMap<(UserId, DeviceId), Arc<Subscriber>>>,
    pub(super) retained: Arc<Retained>,
    pub(super) system: System,
    pub(super) log: Arc<Log>,
    pub(super) holds: Holds,
    pub(super) timers: Timers,
    last_number: AtomicU64,
    pub(super) this: Weak<Self>,
}

/// A subscription, as the index has it.
pub(super) struct Target {
    pub(super) to: To,
    /// The filter, when its messages are kept in the log.
    pub(super) filter: Option<Arc<str>>,
    pub(super) qos: u8,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) identifier: Option<u32>,
}

/// Whose it is.
#[derive(Clone)]
pub(super) enum To {
    One(Arc<Subscriber>),
    Group(Arc<Group>),
}

impl Router {
    /// Reads what the store has, and starts. It needs a running tokio runtime.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read.
    pub async fn start(parts: RouterParts) -> Result<Arc<Self>, Refusal> {
        let retained = Arc::new(Retained::default());
        retained.load(parts.store.retained().await?, &parts.stats);
        let wills = parts.store.wills().await?;
        let log = Arc::new(Log::new(parts.log.clone(), parts.log.last_number().await?));
        let router = Arc::new_cyclic(|this| Self {
            index: RwLock::default(),
            groups: Mutex::default(),
            subscribers: Mutex::default(),
            retained,
            system: System::default(),
            log,
            holds: Holds::default(),
            timers: Timers::default(),
            last_number: AtomicU64::new(0),
            this: this.clone(),
            parts,
        });
        router.restore_sessions().await?;
        router.expect_back(wills);
        tokio::spawn(router.log.clone().write_all(Arc::downgrade(&router)));
        tokio::spawn(Self::tidy_up(Arc::downgrade(&router)));
        tokio::spawn(router.retained.clone().write_all(router.parts.store.clone()));
        tokio::spawn(Self::tick(Arc::downgrade(&router)));
        Ok(router)
    }

    /// What it counts.
    #[must_use]
    pub fn stats(&self) -> &Arc<RouteStats> {
        &self.parts.stats
    }

    pub(super) fn now(&self) -> u64 {
        (self.parts.clock)()
    }

    pub(super) fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Relaxed)
    }

    async fn tick(router: Weak<Self>) {
        loop {
            tokio::time::sleep(TICK).await;
            let Some(router) = router.upgrade() else { return };
            let now = router.now();
            router.holds.expire(now);
            router.retained.expire(now, &router.parts.stats);
            for job in router.timers.due(now) {
                router.do_job(&job).await;
            }
        }
    }

    /// Gives a message to everybody who wants it. A session whose filters overlap gets one copy, at the highest QoS granted, with the
    /// identifiers of all that match [MQTT-3.3.4-2] [MQTT-3.3.4-4]. `hold` makes the answer to the publish one that can be held back.
    /// Answers what is to be stored before those get it that may be away.
    #[must_use]
    pub(super) fn route(
        &self,
        message: &Arc<PlainMessage>,
        hold: &mut dyn FnMut() -> Option<Arc<Hold>>,
    ) -> Option<Entry> {
        let (settings, stats, now) = (&self.parts.settings, &self.parts.stats, self.now());
        stats.received.add(1);
        let index = self.index.read();
        let mut found: SmallVec<[(u64, &Target); 16]> = SmallVec::new();
        index.for_each_match(&message.topic, |number, target| {
            // [MQTT-3.8.3-3]
            if !(target.no_local && target.is_of(&message.from)) {
                found.push((*number, target));
            }
        });
        if found.is_empty() {
            stats.drop_one(Dropped::NoSubscriber);
            return None;
        }
        stats.routed.add(1);
        let mut entry: Option<Entry> = None;
        found.sort_unstable_by_key(|(number, _)| *number);
        for same in found.chunk_by(|a, b| a.0 == b.0) {
            let mut copy = Copy {
                message: message.clone(),
                qos: 0,
                retain: false,
                identifiers: same.iter().filter_map(|(_, target)| target.identifier).collect(),
                group: None,
                number: 0,
                flight: None,
            };
            for (_, target) in same {
                copy.qos = copy.qos.max(target.qos.min(message.qos));
                // [MQTT-3.3.1-12], [MQTT-3.3.1-13]
                copy.retain |= message.retain && target.retain_as_published;
            }
            if copy.qos > 0 && same[0].1.to.is_lasting() {
                let entry = entry.get_or_insert_with(|| Entry::of(message));
                let wanted = same.iter().filter(|(_, target)| target.qos > 0);
                entry.want(wanted.filter_map(|(_, target)| target.filter.clone()));
                if let To::Group(group) = &same[0].1.to {
                    copy.group = Some(group.clone());
                }
                entry.targets.push((same[0].1.to.clone(), copy));
                continue;
            }
            stats.copies.add(1);
            match &same[0].1.to {
                To::One(subscriber) => {
                    if let Err((why, _)) = subscriber.push(copy, settings, stats, now, hold) {
                        stats.drop_one(why);
                    }
                }
                To::Group(group) => {
                    copy.group = Some(group.clone());
                    group.hand_out(copy, settings, stats, now, hold);
                }
            }
        }
        entry
    }

    /// Tells the log what the end of deliveries means.
    pub(super) fn note_ended(&self, subscriber: &Arc<Subscriber>, ended: Ended) {
        if ended.moved {
            self.log.moved(subscriber);
        }
        for (group, number) in ended.shared {
            group.done(number);
            self.log.consume(group.filter.clone(), number);
        }
    }

    /// Holds an answer back for as long as publishers wait for receivers.
    pub(super) fn hold(&self, answer: &Arc<Hold>) {
        self.parts.stats.held_back.add(1);
        let wait = u64::try_from(self.parts.settings.publisher_wait.as_millis()).unwrap_or(u64::MAX);
        self.holds.add(self.now().saturating_add(wait), answer);
    }
}

impl To {
    fn is_lasting(&self) -> bool {
        match self {
            Self::One(subscriber) => subscriber.is_lasting(),
            Self::Group(group) => group.is_lasting(),
        }
    }
}

impl Target {
    fn is_of(&self, sender: &Sender) -> bool {
        match &self.to {
            To::One(subscriber) => subscriber.sender.device == sender.device && subscriber.sender.user == sender.user,
            To::Group(_) => false,
        }
    }
}
