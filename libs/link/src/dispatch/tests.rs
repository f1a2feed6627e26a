//! The dispatcher against scripted bridges.

mod random;

use std::sync::Arc;

use bytes::Bytes;
use longwave_model::{DeviceId, Seq, UserId};
use longwave_port::{Answer, Answers, Completion, Guarantee, Publish, Sender};
use parking_lot::Mutex;

use super::*;
use crate::address::address;

/// Answers that devices got, by number of the publish.
#[derive(Default)]
struct Heard(Mutex<Vec<(u64, Answer)>>);

impl Answers for Heard {
    fn answer(&self, ticket: u64, answer: Answer) {
        self.0.lock().push((ticket, answer));
    }
}

/// What was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Handed {
    bridge: String,
    lease: LeaseId,
    job: u64,
    attempt: u32,
    connection: u64,
    number: u64,
    after: u64,
    again: bool,
}

struct World {
    dispatch: Dispatch,
    heard: Arc<Heard>,
    now: u64,
    owned: Vec<(String, usize)>,
}

impl World {
    fn new(bridges: &[&str]) -> Self {
        let mut world = Self { dispatch: Dispatch::new(8, 30_000), heard: Arc::default(), now: 0, owned: Vec::new() };
        for bridge in bridges {
            let effects = world.dispatch.up(bridge, world.now);
            assert!(world.handed(effects).is_empty());
        }
        world
    }

    fn handed(&mut self, effects: Vec<Effect>) -> Vec<Handed> {
        let mut handed = Vec::new();
        for effect in effects {
            match effect {
                Effect::HandOver { bridge, publish, job, attempt, after, again } => handed.push(Handed {
                    bridge: self.dispatch.name_of(bridge).unwrap().to_owned(),
                    lease: bridge,
                    job,
                    attempt,
                    connection: publish.sender.connection,
                    number: publish.number,
                    after,
                    again,
                }),
                Effect::Answer { completion, answer, .. } => completion.complete(answer),
                Effect::Own { bridge, shards } => {
                    self.owned.push((self.dispatch.name_of(bridge).unwrap().to_owned(), shards.len()));
                }
                Effect::Heard { .. } => {}
            }
        }
        handed
    }

    fn publish(&mut self, connection: u64, number: u64) -> Vec<Handed> {
        self.publish_to("u/alice/c/@bob/raw", connection, number, qos1())
    }

    fn publish_to(&mut self, topic: &str, connection: u64, number: u64, guarantee: Guarantee) -> Vec<Handed> {
        let sender = Sender {
            user: UserId::parse("alice").unwrap(),
            device: DeviceId::parse("phone").unwrap(),
            service: false,
            incarnation: 1,
            connection,
        };
        let publish = Publish {
            sender: Arc::new(sender),
            number,
            route: None,
            topic: topic.into(),
            payload: Bytes::from_static(b"x"),
            retain: false,
            guarantee,
            properties: None,
            wants_notice: false,
        };
        let completion = Completion::new(self.heard.clone(), number);
        let to = address(&publish, 8);
        let effects = self.dispatch.publish(publish, to, completion, self.now);
        self.handed(effects)
    }

    fn end(&mut self, of: &Handed, answer: Answer) -> Vec<Handed> {
        let effects = self.dispatch.ended(&of.bridge, of.job, of.attempt, answer, self.now);
        self.handed(effects)
    }

    fn pass(&mut self, millis: u64) -> Vec<Handed> {
        self.now += millis;
        let effects = self.dispatch.tick(self.now);
        self.handed(effects)
    }

    fn answered(&self) -> Vec<u64> {
        self.heard.0.lock().iter().filter(|(_, answer)| *answer != Answer::Unknown).map(|(number, _)| *number).collect()
    }
}

fn qos1() -> Guarantee {
    Guarantee::AtLeastOnce { packet_id: 1, resend_of: None }
}

fn stored(seq: u64) -> Answer {
    Answer::Stored { seq: Seq(seq), ts: 1, notice: None }
}

fn order(handed: &[Handed]) -> Vec<(u64, u64, bool)> {
    handed.iter().map(|one| (one.number, one.after, one.again)).collect()
}

#[test]
fn each_publish_names_the_one_before_it_while_that_is_unanswered() {
    let mut world = World::new(&["a"]);
    assert_eq!(world.owned, [("a".to_owned(), 8)]);
    let first = world.publish(1, 1);
    assert_eq!(order(&first), [(1, 0, false)]);
    assert_eq!(order(&world.publish(1, 2)), [(2, 1, false)]);
    assert_eq!(order(&world.publish(1, 3)), [(3, 2, false)]);
    assert!(world.end(&first[0], stored(1)).is_empty());
    assert_eq!(order(&world.publish(1, 4)), [(4, 3, false)]);
    assert_eq!(world.answered(), [1]);
}

#[test]
fn without_a_bridge_publishes_wait() {
    let mut world = World::new(&[]);
    assert!(world.publish(1, 1).is_empty());
    assert!(world.publish(1, 2).is_empty());
    let effects = world.dispatch.up("a", 5);
    assert_eq!(order(&world.handed(effects)), [(1, 0, false), (2, 1, false)]);
}

#[test]
fn what_a_lost_bridge_left_goes_one_at_a_time_to_another() {
    let mut world = World::new(&["a", "b"]);
    let handed: Vec<Handed> = (1..=3).flat_map(|number| world.publish(1, number)).collect();
    let lost = handed[0].bridge.clone();
    let effects = world.dispatch.down(&lost, world.now);
    let again = world.handed(effects);
    assert_eq!(order(&again), [(1, 0, true)]);
    assert_ne!(again[0].bridge, lost);
    assert!(world.publish(1, 4).is_empty(), "not before those that were caught");
    let second = world.end(&again[0], stored(1));
    assert_eq!(order(&second), [(2, 0, true)]);
    let third = world.end(&second[0], stored(2));
    assert_eq!(order(&world.end(&third[0], stored(3))), [(4, 0, false)]);
    assert_eq!(order(&world.publish(1, 5)), [(5, 4, false)]);
    assert_eq!(world.answered(), [1, 2, 3]);
}

#[test]
fn an_attempt_that_came_to_nothing_stops_those_behind_it() {
    let mut world = World::new(&["a"]);
    let handed: Vec<Handed> = (1..=3).flat_map(|number| world.publish(1, number)).collect();
    assert!(world.end(&handed[1], Answer::Moved).is_empty(), "1 is still under way");
    assert!(world.end(&handed[2], stored(9)).is_empty(), "given up");
    assert!(world.end(&handed[0], stored(1)).is_empty(), "the pause");
    let again = world.pass(100);
    assert_eq!(order(&again), [(2, 0, true)]);
    assert_eq!(order(&world.end(&again[0], stored(2))), [(3, 0, true)]);
    assert_eq!(world.answered(), [1, 2]);
}

#[test]
fn a_silent_bridge_is_given_up_and_what_it_says_later_counts_for_nothing() {
    let mut world = World::new(&["a", "b"]);
    let first = world.publish(1, 1);
    let silent = first[0].bridge.clone();
    let other = if silent == "a" { "b" } else { "a" };
    for _ in 0..5 {
        assert!(world.pass(399).is_empty());
        world.dispatch.beat(other, 1, false, world.now);
    }
    let again = world.pass(10);
    assert_eq!((order(&again), again[0].bridge.as_str()), (vec![(1, 0, true)], other));
    assert!(world.end(&first[0], stored(7)).is_empty());
    assert!(world.answered().is_empty());
    let effects = world.dispatch.beat(&silent, 9, false, world.now);
    assert!(world.handed(effects).is_empty(), "what is under way stays where it is");
    let now = world.dispatch.lease_of(&silent).unwrap();
    assert!(now > first[0].lease.0, "another lease");
    world.end(&again[0], stored(1));
    assert_eq!(world.publish(1, 2)[0].bridge, silent, "it has its shards again");
}

#[test]
fn a_chain_whose_bridge_changes_waits_for_what_is_under_way() {
    let mut world = World::new(&["a"]);
    let first = world.publish(1, 1);
    // Bridges come until one takes the shard.
    let mut names = (0..).map(|n| format!("new{n}"));
    loop {
        let name = names.next().unwrap();
        let effects = world.dispatch.up(&name, world.now);
        assert!(world.handed(effects).is_empty());
        if world.dispatch.bridges.of(crate::address::address(&sample(), 8).shard) != Some(first[0].lease) {
            break;
        }
    }
    assert!(world.publish(1, 2).is_empty());
    let second = world.end(&first[0], stored(1));
    assert_eq!(order(&second), [(2, 0, false)]);
    assert_ne!(second[0].bridge, "a");
}

fn sample() -> Publish {
    let sender = Sender {
        user: UserId::parse("alice").unwrap(),
        device: DeviceId::parse("phone").unwrap(),
        service: false,
        incarnation: 1,
        connection: 1,
    };
    Publish {
        sender: Arc::new(sender),
        number: 1,
        route: None,
        topic: "u/alice/c/@bob/raw".into(),
        payload: Bytes::new(),
        retain: false,
        guarantee: qos1(),
        properties: None,
        wants_notice: false,
    }
}

#[test]
fn a_bridge_that_leaves_gets_nothing_new_while_there_is_another() {
    let mut world = World::new(&["a", "b"]);
    let first = world.publish(1, 1);
    let leaving = first[0].bridge.clone();
    let effects = world.dispatch.beat(&leaving, 1, true, world.now);
    assert!(world.handed(effects).is_empty());
    assert!(world.end(&first[0], stored(1)).is_empty());
    assert_ne!(world.publish(1, 2)[0].bridge, leaving);
    let other = if leaving == "a" { "b" } else { "a" };
    let effects = world.dispatch.down(other, world.now);
    assert_eq!(world.handed(effects)[0].bridge, leaving, "better than none");
}

#[test]
fn requests_of_a_session_are_handed_over_one_after_another() {
    let mut world = World::new(&["a"]);
    let first = world.publish_to("u/alice/rpc/json", 1, 1, qos1());
    assert!(world.publish_to("u/alice/rpc/json", 1, 2, qos1()).is_empty());
    assert_eq!(order(&world.publish(1, 3)), [(3, 0, false)], "messages do not wait for them");
    let done = Answer::Done { notice: None, renewed_until: None };
    assert_eq!(order(&world.end(&first[0], done)), [(2, 0, false)]);
}

#[test]
fn a_later_connection_ends_what_the_earlier_one_left() {
    let mut world = World::new(&[]);
    assert!(world.publish(1, 1).is_empty());
    assert!(world.publish(2, 1).is_empty());
    assert_eq!(*world.heard.0.lock(), [(1, Answer::Unknown)]);
    let effects = world.dispatch.up("a", 5);
    assert_eq!(order(&world.handed(effects)), [(1, 0, false)]);
}

#[test]
fn at_most_once_is_not_handed_over_again_when_its_fate_is_unknown() {
    let mut world = World::new(&["a"]);
    let topic = "u/alice/c/@bob/raw";
    let first = world.publish_to(topic, 1, 1, Guarantee::AtMostOnce);
    assert!(world.end(&first[0], Answer::Unknown).is_empty());
    let second = world.publish_to(topic, 1, 2, Guarantee::AtMostOnce);
    assert!(world.end(&second[0], Answer::Moved).is_empty());
    assert_eq!(order(&world.pass(500)), [(2, 0, true)], "nothing was done");
    let effects = world.dispatch.down("a", world.now);
    assert!(world.handed(effects).is_empty());
    assert_eq!(*world.heard.0.lock(), [(1, Answer::Unknown), (2, Answer::Unknown)]);
}

#[test]
fn what_follows_one_that_is_given_up_is_never_handed_over() {
    let mut world = World::new(&["a"]);
    let first = world.publish(1, 1);
    world.pass(100);
    let second = world.publish(1, 2);
    assert_eq!((order(&first), order(&second)), (vec![(1, 0, false)], vec![(2, 1, false)]));
    assert!(world.end(&first[0], Answer::Moved).is_empty(), "both wait");
    let effects = world.dispatch.down("a", world.now);
    assert!(world.handed(effects).is_empty());
    assert!(world.pass(29_900).is_empty());
    assert_eq!(*world.heard.0.lock(), [(1, Answer::Unknown), (2, Answer::Unknown)]);
    let effects = world.dispatch.up("a", world.now);
    assert!(
        world.handed(effects).is_empty(),
        "the second alone would be stored before the first, which the client sends again"
    );
}

#[test]
fn nothing_waits_for_ever() {
    let mut world = World::new(&[]);
    world.publish(1, 1);
    assert!(world.pass(29_999).is_empty());
    assert!(world.heard.0.lock().is_empty());
    world.pass(1);
    assert_eq!(*world.heard.0.lock(), [(1, Answer::Unknown)]);
    assert_eq!(world.dispatch.given_up(), 1);
    assert!(world.dispatch.chains.is_empty() && world.dispatch.jobs.is_empty() && world.dispatch.waiting.is_empty());
}
