//! Runs the dispatcher: one task that takes what comes, asks the state machine, and does what it says.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};
use longwave_port::{Completion, Publish};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::address::address;
use crate::dispatch::{Dispatch, Effect, LeaseId};
use crate::frame::ToBroker;
use crate::outbox::Outbox;
use crate::settings::LinkSettings;
use crate::stats::{LinkStats, add, take};
use crate::{from_frame, to_frame};

/// How often time is looked at.
const TICK: Duration = Duration::from_millis(20);

/// Inputs taken in one go.
const INPUTS: usize = 1_024;

/// What comes.
#[derive(Debug)]
pub(crate) enum Input {
    Publish(Publish, Completion),
    /// A bridge has subscribed to its requests.
    Up(String, Arc<Outbox>),
    /// A bridge's connection ended.
    Down(String, Arc<Outbox>),
    Frame {
        bridge: String,
        /// The lease that the frame answers to; beats have none yet.
        lease: Option<u64>,
        frame: ToBroker,
    },
}

struct Driver {
    settings: Arc<LinkSettings>,
    stats: Arc<LinkStats>,
    dispatch: Dispatch,
    outboxes: HashMap<String, Arc<Outbox>>,
    origin: Instant,
}

/// Runs until nobody can send inputs any more.
pub(crate) async fn run(settings: Arc<LinkSettings>, stats: Arc<LinkStats>, mut queue: mpsc::UnboundedReceiver<Input>) {
    let give_up = u64::try_from(settings.give_up.as_millis()).unwrap_or(u64::MAX);
    let dispatch = Dispatch::new(settings.shards, give_up);
    let mut driver = Driver { settings, stats, dispatch, outboxes: HashMap::new(), origin: Instant::now() };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut inputs = Vec::with_capacity(INPUTS);
    loop {
        let mut effects = Vec::new();
        tokio::select! {
            taken = queue.recv_many(&mut inputs, INPUTS) => {
                if taken == 0 {
                    return;
                }
                for input in inputs.drain(..) {
                    effects.extend(driver.take(input));
                }
            }
            _ = ticks.tick() => {
                // A process that was stopped has beats in its queue: they are heard before anybody is given up.
                while let Ok(input) = queue.try_recv() {
                    effects.extend(driver.take(input));
                }
                effects.extend(driver.tick());
            }
        }
        driver.perform(effects);
    }
}

impl Driver {
    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, input: Input) -> Vec<Effect> {
        let now = self.now();
        match input {
            Input::Publish(publish, completion) => {
                let to = address(&publish, self.settings.shards);
                self.dispatch.publish(publish, to, completion, now)
            }
            Input::Up(bridge, outbox) => {
                info!(%bridge, "bridge connected");
                self.outboxes.insert(bridge.clone(), outbox);
                self.dispatch.up(&bridge, now)
            }
            Input::Down(bridge, outbox) => {
                if self.outboxes.get(&bridge).is_none_or(|known| !Arc::ptr_eq(known, &outbox)) {
                    return Vec::new();
                }
                warn!(%bridge, "bridge disconnected");
                add(&self.stats.lost_bridges, 1);
                self.outboxes.remove(&bridge);
                self.dispatch.down(&bridge, now)
            }
            Input::Frame { bridge, lease, frame } => {
                let mut effects = Vec::new();
                let responses = frame.responses.into_iter().filter(|_| lease == self.dispatch.lease_of(&bridge));
                for response in responses.collect::<Vec<_>>() {
                    let (job, attempt) = (response.job, response.attempt);
                    effects.extend(self.dispatch.ended(&bridge, job, attempt, from_frame::answer(response), now));
                }
                if frame.beat > 0 {
                    effects.extend(self.dispatch.beat(&bridge, frame.beat, frame.leaving, now));
                }
                effects
            }
        }
    }

    fn tick(&mut self) -> Vec<Effect> {
        let now = self.now();
        let before = self.dispatch.live_bridges();
        let effects = self.dispatch.tick(now);
        let after = self.dispatch.live_bridges();
        if after < before {
            warn!(bridges = after, "a bridge is silent; its shards go to others");
            add(&self.stats.lost_bridges, (before - after) as u64);
        }
        effects
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let mut woken: HashSet<LeaseId> = HashSet::new();
        for effect in effects {
            match effect {
                Effect::HandOver { bridge, publish, job, attempt, after, again } => {
                    add(&self.stats.handed_over, 1);
                    add(&self.stats.again, u64::from(again));
                    if let Some(outbox) = self.outbox(bridge) {
                        outbox.request(bridge, to_frame::request(&publish, job, attempt, after, again));
                        woken.insert(bridge);
                    }
                }
                Effect::Own { bridge, shards } => {
                    if let Some(outbox) = self.outbox(bridge) {
                        outbox.keep_only(bridge);
                        outbox.own(bridge, shards);
                        woken.insert(bridge);
                    }
                }
                Effect::Heard { bridge, beat } => {
                    if let Some(outbox) = self.outbox(bridge) {
                        outbox.heard(bridge, beat);
                        woken.insert(bridge);
                    }
                }
                Effect::Answer { completion, answer, bytes } => {
                    take(&self.stats.waiting, 1);
                    take(&self.stats.waiting_bytes, bytes as u64);
                    completion.complete(answer);
                }
            }
        }
        for lease in woken {
            if let Some(outbox) = self.outbox(lease) {
                outbox.wake();
            }
        }
        self.stats.bridges.store(self.dispatch.live_bridges() as u64, Relaxed);
        self.stats.given_up.store(self.dispatch.given_up(), Relaxed);
    }

    fn outbox(&self, lease: LeaseId) -> Option<&Arc<Outbox>> {
        self.outboxes.get(self.dispatch.name_of(lease)?)
    }
}
