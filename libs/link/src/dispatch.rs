//! The dispatcher of a broker's side, as a pure state machine: what came + now → what to do. It keeps each sender's order while bridges
//! come, go and change (protocol.md 21).
//!
//! Publishes of one session into one conversation are a chain. While nothing goes wrong they are handed over as they come, each naming the
//! one before it. When an attempt comes to nothing, or the chain's bridge is another, the chain stops: what was under way is waited for or
//! given up, and then the first unanswered one is handed over alone, and the next after its answer, until those that were caught are
//! through.

use std::collections::VecDeque;

use hashbrown::{HashMap, HashSet};
use longwave_model::ShardId;
use longwave_port::{Answer, Completion, Guarantee, Publish};

use crate::address::{Address, ChainKey};
use crate::rendezvous;

mod bridges;

pub(crate) use bridges::{Bridges, LeaseId};

/// The pause before the second attempt, in milliseconds; it doubles.
const FIRST_PAUSE: u64 = 10;
/// The longest pause, in milliseconds.
const LONGEST_PAUSE: u64 = 500;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Hand a publish to a bridge.
    HandOver { bridge: LeaseId, publish: Publish, job: u64, attempt: u32, after: u64, again: bool },
    /// Tell a bridge which shards it should own.
    Own { bridge: LeaseId, shards: Vec<ShardId> },
    /// Tell a bridge that its beat was heard.
    Heard { bridge: LeaseId, beat: u64 },
    /// Answer a publish.
    Answer { completion: Completion, answer: Answer, bytes: usize },
}

/// The state machine. Times are monotonic milliseconds.
#[derive(Debug)]
pub(crate) struct Dispatch {
    bridges: Bridges,
    jobs: HashMap<u64, Job>,
    chains: HashMap<ChainKey, Chain>,
    /// Chains that wait for a bridge or for a pause to end.
    waiting: HashSet<ChainKey>,
    next_job: u64,
    /// No job below is left.
    oldest: u64,
    give_up: u64,
    given_up: u64,
}

#[derive(Debug)]
struct Job {
    chain: ChainKey,
    shard: ShardId,
    publish: Publish,
    completion: Completion,
    born: u64,
    /// Attempts begun.
    attempts: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { not_before: u64 },
    Under { lease: LeaseId },
}

#[derive(Debug, Default)]
struct Chain {
    jobs: VecDeque<u64>,
    /// Jobs up to this one are handed over one at a time.
    careful_until: u64,
}

impl Dispatch {
    pub(crate) fn new(shards: u16, give_up: u64) -> Self {
        Self {
            bridges: Bridges::new(shards),
            jobs: HashMap::new(),
            chains: HashMap::new(),
            waiting: HashSet::new(),
            next_job: 0,
            oldest: 1,
            give_up,
            given_up: 0,
        }
    }

    /// Bridges that are there.
    pub(crate) fn live_bridges(&self) -> usize {
        self.bridges.live()
    }

    /// The number of the lease that a bridge has now.
    pub(crate) fn lease_of(&self, bridge: &str) -> Option<u64> {
        self.bridges.lease_of(bridge).map(|lease| lease.0)
    }

    /// The bridge that has a lease.
    pub(crate) fn name_of(&self, lease: LeaseId) -> Option<&str> {
        self.bridges.name_of(lease)
    }

    /// Publishes given up so far.
    pub(crate) fn given_up(&self) -> u64 {
        self.given_up
    }

    /// A device's publish.
    pub(crate) fn publish(&mut self, publish: Publish, to: Address, completion: Completion, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.drop_older(&to.chain, publish.sender.connection, &mut effects);
        self.next_job += 1;
        let job = Job {
            chain: to.chain.clone(),
            shard: to.shard,
            publish,
            completion,
            born: now,
            attempts: 0,
            state: State::Waiting { not_before: 0 },
        };
        self.jobs.insert(self.next_job, job);
        self.chains.entry(to.chain.clone()).or_default().jobs.push_back(self.next_job);
        self.advance(&to.chain, now, &mut effects);
        effects
    }

    /// A bridge connected, or connected anew.
    pub(crate) fn up(&mut self, bridge: &str, now: u64) -> Vec<Effect> {
        let mut effects = self.down(bridge, now);
        self.bridges.connect(bridge, now);
        self.reroute(now, &mut effects);
        effects
    }

    /// A bridge's connection ended.
    pub(crate) fn down(&mut self, bridge: &str, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(lease) = self.bridges.disconnect(bridge) {
            self.end_lease(lease, now, &mut effects);
            self.reroute(now, &mut effects);
        }
        effects
    }

    /// A bridge's beat.
    pub(crate) fn beat(&mut self, bridge: &str, beat: u64, leaving: bool, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        let Some(change) = self.bridges.heard(bridge, leaving, now) else { return effects };
        effects.push(Effect::Heard { bridge: change.lease, beat });
        if change.routes {
            self.reroute(now, &mut effects);
        }
        effects
    }

    /// How an attempt ended.
    pub(crate) fn ended(&mut self, bridge: &str, job: u64, attempt: u32, answer: Answer, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        let Some(known) = self.jobs.get(&job) else { return effects };
        let State::Under { lease } = known.state else { return effects };
        if known.attempts != attempt || !self.bridges.is(lease, bridge) {
            return effects;
        }
        let chain = known.chain.clone();
        // At QoS 0 nobody resends: once is enough.
        let once = known.publish.guarantee == Guarantee::AtMostOnce;
        match answer {
            Answer::Moved | Answer::Unknown if !once || answer == Answer::Moved => {
                self.stop_from(&chain, job, now, &mut effects);
            }
            answer => self.finish(job, answer, &mut effects),
        }
        self.advance(&chain, now, &mut effects);
        effects
    }

    /// Time passes.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        for lease in self.bridges.expire(now) {
            self.end_lease(lease, now, &mut effects);
        }
        if self.bridges.take_changed() {
            self.reroute(now, &mut effects);
        }
        // Jobs are numbered as they are born.
        while self.oldest <= self.next_job {
            match self.jobs.get(&self.oldest) {
                Some(job) if now.saturating_sub(job.born) < self.give_up => break,
                Some(job) => self.give_up_chain(&job.chain.clone(), &mut effects),
                None => {}
            }
            self.oldest += 1;
        }
        let waiting: Vec<ChainKey> = self.waiting.iter().cloned().collect();
        for chain in waiting {
            self.advance(&chain, now, &mut effects);
        }
        effects
    }

    /// A later connection of the session has published: what its earlier ones left unanswered, the client sends again.
    fn drop_older(&mut self, chain: &ChainKey, connection: u64, effects: &mut Vec<Effect>) {
        // A chain's connections never fall, so the first tells.
        while let Some(first) = self.chains.get(chain).and_then(|chain| chain.jobs.front().copied())
            && self.jobs.get(&first).is_some_and(|job| job.publish.sender.connection < connection)
        {
            self.finish(first, Answer::Unknown, effects);
        }
    }

    /// A chain whose first publish is too old is given up whole: one behind it that were handed over later would be stored before what the
    /// client sends again.
    fn give_up_chain(&mut self, key: &ChainKey, effects: &mut Vec<Effect>) {
        while let Some(first) = self.chains.get(key).and_then(|chain| chain.jobs.front().copied()) {
            self.given_up += 1;
            self.finish(first, Answer::Unknown, effects);
        }
    }

    /// Hands over what may go now.
    fn advance(&mut self, key: &ChainKey, now: u64, effects: &mut Vec<Effect>) {
        self.waiting.remove(key);
        let Some(chain) = self.chains.get_mut(key) else { return };
        let Some(first) = chain.jobs.front().copied() else { return };
        let one_by_one = key.conversation.is_none() || first <= chain.careful_until;
        // Those that wait are the last of a chain, unless they go one by one.
        let is_waiting = |job: &u64| self.jobs.get(job).is_some_and(|job| matches!(job.state, State::Waiting { .. }));
        let count = chain.jobs.iter().rev().take_while(|job| is_waiting(job)).count();
        let from = if one_by_one { 0 } else { chain.jobs.len() - count };
        let mut before = None;
        if let Some(last) = from.checked_sub(1).and_then(|at| self.jobs.get(chain.jobs.get(at)?))
            && let State::Under { lease } = last.state
        {
            before = Some((lease, last.publish.number));
        }
        for number in chain.jobs.range(from..) {
            let Some(job) = self.jobs.get_mut(number) else { continue };
            let State::Waiting { not_before } = job.state else { return };
            let Some(lease) = self.bridges.of(job.shard).filter(|_| not_before <= now) else {
                self.waiting.insert(key.clone());
                return;
            };
            if before.is_some_and(|(earlier, _)| earlier != lease) {
                // The chain's bridge has changed: what is under way is waited for.
                chain.careful_until = *chain.jobs.back().unwrap_or(number);
                return;
            }
            let (after, again) = (before.map_or(0, |(_, number)| number), job.attempts > 0);
            job.attempts += 1;
            job.state = State::Under { lease };
            let (publish, attempt) = (job.publish.clone(), job.attempts);
            effects.push(Effect::HandOver { bridge: lease, publish, job: *number, attempt, after, again });
            if one_by_one {
                return;
            }
            before = Some((lease, job.publish.number));
        }
    }

    /// An attempt came to nothing: so will those behind it, which named it.
    fn stop_from(&mut self, key: &ChainKey, first: u64, now: u64, effects: &mut Vec<Effect>) {
        let Some(chain) = self.chains.get_mut(key) else { return };
        chain.careful_until = chain.jobs.back().copied().unwrap_or(0);
        let caught: Vec<u64> = chain.jobs.iter().copied().filter(|job| *job >= first).collect();
        let mut once = Vec::new();
        for number in caught {
            let Some(job) = self.jobs.get_mut(&number) else { continue };
            if let State::Under { .. } = job.state {
                let pause = LONGEST_PAUSE.min(FIRST_PAUSE << job.attempts.min(8));
                let not_before = if number == first { now + pause } else { 0 };
                job.state = State::Waiting { not_before };
                if job.publish.guarantee == Guarantee::AtMostOnce && number != first {
                    once.push(number);
                }
            }
        }
        for job in once {
            self.finish(job, Answer::Unknown, effects);
        }
    }

    /// A bridge is given up: all its attempts are.
    fn end_lease(&mut self, lease: LeaseId, now: u64, effects: &mut Vec<Effect>) {
        let mut caught: Vec<u64> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.state == State::Under { lease })
            .map(|(number, _)| *number)
            .collect();
        caught.sort_unstable();
        for number in caught {
            let Some(job) = self.jobs.get_mut(&number) else { continue };
            if job.publish.guarantee == Guarantee::AtMostOnce {
                self.finish(number, Answer::Unknown, effects);
                continue;
            }
            job.state = State::Waiting { not_before: now };
            if let Some(chain) = self.chains.get_mut(&job.chain) {
                chain.careful_until = chain.jobs.back().copied().unwrap_or(0);
                self.waiting.insert(job.chain.clone());
            }
        }
    }

    /// Which bridge should own which shard has changed.
    fn reroute(&mut self, now: u64, effects: &mut Vec<Effect>) {
        self.bridges.take_changed();
        for (bridge, shards) in self.bridges.route(|shard, names| rendezvous::choose(shard, names)) {
            effects.push(Effect::Own { bridge, shards });
        }
        let waiting: Vec<ChainKey> = self.waiting.iter().cloned().collect();
        for chain in waiting {
            self.advance(&chain, now, effects);
        }
    }

    fn finish(&mut self, number: u64, answer: Answer, effects: &mut Vec<Effect>) {
        let Some(job) = self.jobs.remove(&number) else { return };
        if let Some(chain) = self.chains.get_mut(&job.chain) {
            if chain.jobs.front() == Some(&number) {
                chain.jobs.pop_front();
            } else {
                chain.jobs.retain(|other| *other != number);
            }
            if chain.jobs.is_empty() {
                self.chains.remove(&job.chain);
                self.waiting.remove(&job.chain);
            } else {
                self.waiting.insert(job.chain);
            }
        }
        effects.push(Effect::Answer { completion: job.completion, answer, bytes: job.publish.payload.len() });
    }
}

#[cfg(test)]
mod tests;
