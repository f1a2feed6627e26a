//! Everything at once: two devices of a user, a small window, lost wake-ups, connections cut at any moment, in several conversations.

use std::collections::BTreeMap;
use std::time::Duration;

use longwave_feed::FeedSettings;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::device::{DURABLE, Device};
use crate::world::{Wake, World, settings};

const CONVERSATIONS: [&str; 3] = ["alice:bob", "bob:carol", "team"];

/// What one device has seen: the highest number per conversation, and what it acknowledged.
#[derive(Default)]
struct Seen {
    device: Option<Device>,
    acked: BTreeMap<String, u64>,
    /// Numbers of what was sent on this connection, in order, by conversation.
    latest: BTreeMap<String, u64>,
    waiting: Vec<(String, u64)>,
}

impl Seen {
    /// Takes what is there; on one connection each conversation comes in order, without gaps.
    fn take(&mut self) {
        let Some(device) = &mut self.device else { return };
        for delivery in device.take() {
            let text = String::from_utf8_lossy(&delivery.payload).into_owned();
            let (conversation, number) = text.split_once(' ').unwrap();
            let number: u64 = number.parse().unwrap();
            let acked = self.acked.get(conversation).copied().unwrap_or(0);
            match self.latest.get(conversation) {
                // A cursor that an earlier connection's end left unwritten may be written meanwhile.
                Some(latest) => assert!(
                    number > *latest && number <= acked.max(*latest) + 1,
                    "{conversation} {number} after {latest}, {acked} is acknowledged"
                ),
                None => assert!(number <= acked + 1, "{conversation} begins with {number}, {acked} is acknowledged"),
            }
            self.latest.insert(conversation.to_owned(), number);
            self.waiting.push((conversation.to_owned(), number));
        }
    }

    fn ack(&mut self, count: usize) {
        let Some(device) = &mut self.device else { return };
        for (conversation, number) in self.waiting.drain(..count.min(self.waiting.len())) {
            device.ack(0);
            let acked = self.acked.entry(conversation).or_default();
            *acked = number.max(*acked);
        }
    }

    fn lose_connection(&mut self) -> Option<Device> {
        self.waiting.clear();
        self.latest.clear();
        self.device.take()
    }
}

async fn run(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    // Comparisons come at any moment, too.
    let compare_interval = Duration::from_millis(320);
    let world = World::with(FeedSettings { compare_interval, remembered_conversations: 2, ..settings() }).await;
    world.create("team", longwave_model::ConversationKind::Group, &["alice", "bob", "carol"]).await;
    let mut said: BTreeMap<&str, u64> = BTreeMap::new();
    let mut devices = BTreeMap::new();
    for name in ["phone", "tablet"] {
        let mut device = Device::listening(&world, "bob", name, DURABLE).await;
        device.window = 5;
        devices.insert(name, Seen { device: Some(device), ..Seen::default() });
    }
    for _ in 0..400 {
        let name = if random.random() { "phone" } else { "tablet" };
        let seen = devices.get_mut(name).unwrap();
        match random.random_range(0..12) {
            0..=3 => {
                let conversation = CONVERSATIONS[random.random_range(0..3)];
                let number = said.entry(conversation).or_default();
                *number += 1;
                let wake = if random.random_bool(0.2) { Wake::Lost } else { Wake::Arrives };
                let (sender, text) = (if conversation == "bob:carol" { "carol" } else { "alice" }, *number);
                world.send(conversation, sender, "elsewhere", &format!("{conversation} {text}"), None, wake).await;
            }
            4..=6 => seen.take(),
            7..=8 => seen.ack(random.random_range(1..6)),
            9 => tokio::task::yield_now().await,
            10 => match seen.lose_connection() {
                Some(device) if random.random() => device.close(&world).await,
                other => drop(other),
            },
            _ => {
                if seen.device.is_none() {
                    let mut device = Device::connect(&world, "bob", name, DURABLE).await;
                    assert!(device.opened.session_present);
                    device.window = 5;
                    seen.device = Some(device);
                }
            }
        }
    }
    for (name, seen) in &mut devices {
        if seen.device.is_none() {
            seen.device = Some(Device::connect(&world, "bob", name, DURABLE).await);
        }
        world.hub.compare_all().await;
        let is_complete =
            |seen: &Seen| said.iter().all(|(conversation, head)| seen.acked.get(*conversation) == Some(head));
        for _ in 0..3000 {
            seen.take();
            seen.ack(usize::MAX);
            if is_complete(seen) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(is_complete(seen), "{name} has {:?} of {said:?}", seen.acked);
    }
}

#[tokio::test]
async fn every_device_gets_everything_in_order_whatever_happens() {
    for seed in 0..12 {
        run(seed).await;
    }
}
