//! Random schedules: bridges come, go, fall silent and wake, lanes change hands or stand still, answers get lost. Every lane keeps the rules
//! of a lane, and the client connects anew and sends again what nobody could tell it of. Whatever happens, each message is stored once, in
//! the order in which it was published.

use std::collections::{BTreeMap, VecDeque};

use longwave_port::Answer;
use proptest::prelude::*;

use super::{Handed, World, stored};
use crate::settings::SILENCE;

const BRIDGES: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone)]
enum Act {
    Publish,
    /// The bridge does the next thing handed over to it.
    Work(usize),
    /// An answer reaches the broker.
    Hear(usize),
    /// The bridge is killed: what it has is gone, and so are its answers.
    Kill(usize),
    Connect(usize),
    /// The bridge falls silent: it still works, later.
    Silence(usize),
    /// It beats.
    Beat(usize),
    Pass(u64),
    /// Bridges beat, and lanes wait for their store: seconds.
    Stall(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let bridge = 0..BRIDGES.len();
    let act = prop_oneof![
        8 => Just(Act::Publish),
        10 => bridge.clone().prop_map(Act::Work),
        8 => bridge.clone().prop_map(Act::Hear),
        1 => bridge.clone().prop_map(Act::Kill),
        2 => bridge.clone().prop_map(Act::Connect),
        1 => bridge.clone().prop_map(Act::Silence),
        2 => bridge.prop_map(Act::Beat),
        3 => (1..600_u64).prop_map(Act::Pass),
        1 => (5..33_u64).prop_map(Act::Stall),
    ];
    proptest::collection::vec(act, 1..120)
}

#[derive(Default)]
struct Bridge {
    connected: bool,
    queue: VecDeque<Handed>,
    answers: VecDeque<(Handed, Answer)>,
    /// The epoch under which it owns the shard.
    owns: Option<u64>,
    /// Connection and number.
    taken: (u64, u64),
    /// The latest connection that it has heard of.
    connection: u64,
    /// When its lease ends, as it knows it.
    lease_until: BTreeMap<u64, u64>,
}

impl Bridge {
    fn has_work(&self) -> bool {
        !self.queue.is_empty() || !self.answers.is_empty()
    }
}

struct Cluster {
    world: World,
    bridges: Vec<Bridge>,
    epoch: u64,
    journal: Vec<u64>,
    next: u64,
    connection: u64,
}

impl Cluster {
    fn hand(&mut self, handed: Vec<Handed>) {
        for one in handed {
            let index = BRIDGES.iter().position(|name| **name == *one.bridge).unwrap();
            self.bridges[index].queue.push_back(one);
        }
    }

    /// What a lane does with a request.
    fn work(&mut self, index: usize) {
        let now = self.world.now;
        let Some(request) = self.bridges[index].queue.pop_front() else { return };
        let bridge = &mut self.bridges[index];
        if bridge.lease_until.get(&request.lease.0).is_none_or(|until| *until <= now) {
            return bridge.answers.push_back((request, Answer::Unknown));
        }
        if bridge.owns != Some(self.epoch) {
            if bridge.owns.take().is_some() {
                // It had owned the shard and finds out by its append.
                return bridge.answers.push_back((request, Answer::Moved));
            }
            self.epoch += 1;
            (bridge.owns, bridge.taken) = (Some(self.epoch), (0, 0));
        }
        bridge.connection = bridge.connection.max(request.connection);
        if request.connection < bridge.connection {
            return;
        }
        if request.after > 0 && bridge.taken < (request.connection, request.after) {
            return bridge.answers.push_back((request, Answer::Moved));
        }
        bridge.taken = bridge.taken.max((request.connection, request.number));
        let found = self.journal.iter().position(|number| *number == request.number);
        let seq = found.unwrap_or_else(|| {
            self.journal.push(request.number);
            self.journal.len() - 1
        });
        bridge.answers.push_back((request, stored(seq as u64 + 1)));
    }

    fn renew(&mut self, index: usize) {
        if let Some(lease) = self.world.dispatch.lease_of(BRIDGES[index]) {
            let until = self.world.now + u64::try_from(SILENCE.as_millis()).unwrap();
            self.bridges[index].lease_until.insert(lease, until);
        }
    }

    /// The latest answer to each message, if the broker gave one.
    fn answers(&self) -> BTreeMap<u64, Answer> {
        self.world.heard.0.lock().iter().cloned().collect()
    }

    fn acknowledged(&self) -> u64 {
        let answers = self.answers();
        answers.values().filter(|answer| matches!(answer, Answer::Stored { .. })).count() as u64
    }

    /// One that nobody could tell of ends the connection. The next one sends everything again that was not acknowledged.
    fn connect_anew(&mut self) {
        if !self.world.heard.0.lock().iter().any(|(_, answer)| *answer == Answer::Unknown) {
            return;
        }
        let answers = self.answers();
        self.world.heard.0.lock().retain(|(_, answer)| *answer != Answer::Unknown);
        self.connection += 1;
        for number in 1..=self.next {
            if !matches!(answers.get(&number), Some(Answer::Stored { .. })) {
                let handed = self.world.publish(self.connection, number);
                self.hand(handed);
            }
        }
        // What the one before had under way was dropped by this.
        self.world.heard.0.lock().retain(|(_, answer)| *answer != Answer::Unknown);
    }

    fn act(&mut self, act: &Act) {
        self.step(act);
        self.connect_anew();
    }

    fn step(&mut self, act: &Act) {
        match *act {
            Act::Publish => {
                self.next += 1;
                let handed = self.world.publish(self.connection, self.next);
                self.hand(handed);
            }
            Act::Stall(seconds) => {
                for _ in 0..seconds {
                    self.act(&Act::Pass(1_000));
                    (0..BRIDGES.len()).for_each(|index| self.act(&Act::Beat(index)));
                }
            }
            Act::Work(index) => self.work(index),
            Act::Hear(index) => {
                let Some((request, answer)) = self.bridges[index].answers.pop_front() else { return };
                if self.bridges[index].connected {
                    let handed = self.world.end(&request, answer);
                    self.hand(handed);
                }
            }
            Act::Kill(index) => {
                self.bridges[index] = Bridge::default();
                let effects = self.world.dispatch.down(BRIDGES[index], self.world.now);
                let handed = self.world.handed(effects);
                self.hand(handed);
            }
            Act::Connect(index) => {
                if !std::mem::replace(&mut self.bridges[index].connected, true) {
                    let effects = self.world.dispatch.up(BRIDGES[index], self.world.now);
                    let handed = self.world.handed(effects);
                    self.renew(index);
                    self.hand(handed);
                }
            }
            Act::Silence(index) => {
                // Others beat; it does not.
                for other in (0..BRIDGES.len()).filter(|other| *other != index) {
                    self.act(&Act::Beat(other));
                }
                self.act(&Act::Pass(1_200));
                for other in (0..BRIDGES.len()).filter(|other| *other != index) {
                    self.act(&Act::Beat(other));
                }
                self.act(&Act::Pass(1_200));
            }
            Act::Beat(index) => {
                if self.bridges[index].connected {
                    let effects = self.world.dispatch.beat(BRIDGES[index], 1, false, self.world.now);
                    let handed = self.world.handed(effects);
                    self.renew(index);
                    self.hand(handed);
                }
            }
            Act::Pass(millis) => {
                let handed = self.world.pass(millis.min(1_500));
                self.hand(handed);
            }
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let dense = self.journal.iter().zip(1..).all(|(number, expected)| *number == expected);
        prop_assert!(dense, "order or duplicate: {:?}", self.journal);
        for (number, answer) in self.world.heard.0.lock().iter() {
            if let Answer::Stored { seq, .. } = answer {
                let at = self.journal.get(usize::try_from(seq.0 - 1).unwrap());
                prop_assert_eq!(at, Some(number), "acknowledged and not stored");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn order_and_once_hold_whatever_bridges_do(acts in acts()) {
        let bridges = BRIDGES.iter().map(|_| Bridge::default()).collect();
        let mut cluster = Cluster { world: World::new(&[]), bridges, epoch: 0, journal: Vec::new(), next: 0, connection: 1 };
        for act in &acts {
            cluster.act(act);
            cluster.check()?;
        }
        // All is well from now on: everything is stored and acknowledged.
        while cluster.acknowledged() < cluster.next {
            for index in 0..BRIDGES.len() {
                cluster.act(&Act::Connect(index));
                cluster.act(&Act::Beat(index));
                while cluster.bridges[index].has_work() {
                    cluster.act(&Act::Work(index));
                    cluster.act(&Act::Hear(index));
                }
            }
            cluster.act(&Act::Pass(300));
            cluster.check()?;
            prop_assert!(cluster.world.now < 100_000_000, "something waits for ever");
        }
        prop_assert_eq!(cluster.journal.len() as u64, cluster.next);
        prop_assert!(cluster.world.dispatch.jobs.is_empty() && cluster.world.dispatch.chains.is_empty());
    }
}
