//! Plain topics under `kill -9`: what was acknowledged reaches every session that outlives its connection, in order, and at QoS 2
//! exactly once, with a client that forgets nothing itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use longwave_testkit::client::PATIENCE;
use longwave_testkit::wire::{self, Hello, Packet, Publish, Version};
use rand::{Rng as _, SeedableRng as _};

use crate::rig::{Rig, figure};

/// Publishes that one sender has under way.
const WINDOW: usize = 10;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;

/// `LONGWAVE_TEST_PLAIN_KILLS`, or few.
fn kills() -> u32 {
    std::env::var("LONGWAVE_TEST_PLAIN_KILLS").map_or(4, |kills| kills.parse().unwrap())
}

/// A connection of a session that lasts; `None` when it broke.
struct Link {
    stream: TcpStream,
    unread: Vec<u8>,
    resumed: bool,
}

impl Link {
    /// Connects as soon as there is a server.
    fn to(server: SocketAddr, user: &str) -> Self {
        let started = Instant::now();
        loop {
            if let Some(link) = Self::try_to(server, user) {
                return link;
            }
            assert!(started.elapsed() < PATIENCE, "{user} cannot connect");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn try_to(server: SocketAddr, user: &str) -> Option<Self> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE).ok()?;
        stream.set_nodelay(true).ok()?;
        let mut link = Self { stream, unread: Vec::new(), resumed: false };
        link.send(&wire::connect(&Hello::durable(user, "device")))?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(Packet::ConnAck { present, code: 0, .. }) = link.next()? {
                link.resumed = present;
                return Some(link);
            }
        }
        None
    }

    fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).ok()
    }

    /// The next packet, if one comes within a moment; `None` when the connection broke.
    #[allow(clippy::option_option, reason = "broken, nothing yet, something")]
    fn next(&mut self) -> Option<Option<Packet>> {
        self.stream.set_read_timeout(Some(Duration::from_millis(50))).ok()?;
        loop {
            if let Some(length) = wire::whole(&self.unread).ok()?.filter(|length| *length <= self.unread.len()) {
                let packet = wire::read(Version::V5, &self.unread[..length]).ok()?;
                self.unread.drain(..length);
                return Some(Some(packet));
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&bytes[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Some(None);
                }
                Err(_) => return None,
            }
        }
    }
}

/// A publish that is under way.
struct Under {
    id: u16,
    number: u32,
    released: bool,
}

/// QoS of a number: they take turns.
fn qos(number: u32) -> u8 {
    u8::try_from(number % 2 + 1).unwrap()
}

fn publish(number: u32, id: u16, dup: bool) -> Vec<u8> {
    let payload = number.to_string().into_bytes();
    let publish = Publish { topic: "kill/t".into(), payload, qos: qos(number), dup, id, ..Publish::default() };
    wire::publish(Version::V5, &publish)
}

/// Publishes until it is told to stop, and everything is acknowledged: how many.
fn send_all(server: SocketAddr, stop: &AtomicBool) -> u32 {
    let (mut next, mut last_id) = (0_u32, 0_u16);
    let mut under: VecDeque<Under> = VecDeque::new();
    loop {
        let mut link = Link::to(server, "alice");
        if !link.resumed {
            assert_eq!(next, 0, "the publisher's session is lost");
        }
        // In order, with the packet ids of before [MQTT-4.4.0-1].
        let again: Vec<u8> = under
            .iter()
            .flat_map(|one| match one.released {
                true => wire::ack(PUBREL, one.id),
                false => publish(one.number, one.id, true),
            })
            .collect();
        let mut alive = link.send(&again).is_some();
        while alive {
            while alive && under.len() < WINDOW && !stop.load(Relaxed) {
                last_id = last_id % 1_000 + 1;
                alive = link.send(&publish(next, last_id, false)).is_some();
                under.push_back(Under { id: last_id, number: next, released: false });
                next += 1;
            }
            if under.is_empty() {
                return next;
            }
            match link.next() {
                Some(Some(Packet::Ack { first, id, code, .. })) => {
                    assert!(code < 0x80, "{first:#x} with code {code:#x}");
                    match first {
                        PUBREC => {
                            under.iter_mut().filter(|one| one.id == id).for_each(|one| one.released = true);
                            alive = link.send(&wire::ack(PUBREL, id)).is_some();
                        }
                        _ => under.retain(|one| one.id != id),
                    }
                }
                Some(_) => {}
                None => alive = false,
            }
        }
    }
}

/// Everything that a receiver got, in order.
type Got = Vec<u32>;

/// Receives until it has been told to stop and nothing has come for a while; sometimes it is away.
fn receive_all(server: SocketAddr, user: &str, filter: &str, most_qos: u8, stop: &AtomicBool) -> Got {
    let mut random = rand::rngs::StdRng::seed_from_u64(user.bytes().map(u64::from).sum());
    let (mut got, mut open, mut first) = (Got::new(), BTreeSet::new(), true);
    loop {
        let mut link = Link::to(server, user);
        if first {
            link.send(&wire::subscribe(Version::V5, 1, filter, most_qos)).unwrap();
            first = false;
        } else {
            assert!(link.resumed, "the session of {user} is lost");
        }
        let leaves = Instant::now() + Duration::from_millis(random.random_range(200..1_500));
        let mut quiet = Instant::now();
        loop {
            let stopping = stop.load(Relaxed);
            if stopping && quiet.elapsed() > Duration::from_secs(2) {
                return got;
            }
            if !stopping && Instant::now() > leaves {
                break thread::sleep(Duration::from_millis(random.random_range(0..300)));
            }
            let answer = match link.next() {
                None => break,
                Some(Some(Packet::Publish(publish))) => {
                    quiet = Instant::now();
                    let number = String::from_utf8(publish.payload).unwrap().parse().unwrap();
                    match publish.qos {
                        2 => {
                            if open.insert(publish.id) {
                                got.push(number);
                            }
                            wire::ack(PUBREC, publish.id)
                        }
                        _ => {
                            got.push(number);
                            wire::ack(0x40, publish.id)
                        }
                    }
                }
                Some(Some(Packet::Ack { first: PUBREL, id, .. })) => {
                    quiet = Instant::now();
                    open.remove(&id);
                    wire::ack(PUBCOMP, id)
                }
                Some(_) => continue,
            };
            if link.send(&answer).is_none() {
                break;
            }
        }
    }
}

/// Per number how often it came.
fn count(got: &[&Got]) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    got.iter().flat_map(|got| got.iter()).for_each(|number| *counts.entry(*number).or_insert(0) += 1);
    counts
}

#[test]
fn kills_lose_nothing_on_plain_topics() {
    let mut rig = Rig::dev(&["plain.queue_messages=100000", "plain.queue_bytes=100000000"]);
    let server = rig.mqtt();
    let (stop_sending, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let receiver = |user: &'static str, filter: &'static str, qos| {
        let stop = stop.clone();
        thread::spawn(move || receive_all(server, user, filter, qos, &stop))
    };
    let receivers = [("bob", "kill/#", 1), ("carol", "kill/+", 2), ("dave", "kill/+", 2)]
        .map(|(user, filter, qos)| (user, receiver(user, filter, qos)));
    let members = ["one", "two"].map(|user| receiver(user, "$share/group/kill/t", 1));
    // Everybody has subscribed before anything is published.
    thread::sleep(Duration::from_secs(1));
    let stopping = stop_sending.clone();
    let sender = thread::spawn(move || send_all(server, &stopping));
    let mut random = rand::rngs::StdRng::seed_from_u64(6);
    for _ in 0..kills() {
        thread::sleep(Duration::from_millis(random.random_range(300..1_200)));
        rig.kill_and_restart();
    }
    stop_sending.store(true, Relaxed);
    let sent = sender.join().unwrap();
    stop.store(true, Relaxed);
    let mut repeated = 0;
    for (user, receiver) in receivers {
        let got = receiver.join().unwrap();
        let counts = count(&[&got]);
        assert!((0..sent).all(|number| counts.contains_key(&number)), "{user} misses some of {sent}: {}", counts.len());
        let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).map(|(number, _)| *number).collect();
        repeated += twice.len();
        if user != "bob" {
            let exact: Vec<_> = twice.into_iter().filter(|number| qos(*number) == 2).collect();
            assert_eq!(exact, [0_u32; 0], "{user} got these twice at QoS 2");
        }
        let mut seen = BTreeSet::new();
        for quality in [1, 2] {
            let firsts: Vec<_> = got.iter().filter(|n| qos(**n) == quality && seen.insert(**n)).copied().collect();
            assert!(firsts.is_sorted(), "{user} got QoS {quality} out of order");
        }
    }
    let members = members.map(|member| member.join().unwrap());
    let counts = count(&members.each_ref());
    assert!((0..sent).all(|number| counts.contains_key(&number)), "the members miss some of {sent}: {}", counts.len());
    let kills = kills();
    figure(&format!("plain topics, {kills} kills: {sent} messages acknowledged, {repeated} repeated at QoS 1"));
}
