//! What is handed to the push worker, and when the journal is settled.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use async_trait::async_trait;
use longwave_model::{ConversationId, Seq, ShardId, UserId};
use longwave_port::{PushMessage, PushSink, PushTicket};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::testing::{MemoryStore, World};
use crate::{BridgeSettings, UnknownPeers};

/// Keeps what it gets and the tickets, and takes no more hand-overs than it has room for.
struct Worker {
    got: Mutex<Vec<(String, u64, Vec<String>)>>,
    tickets: Mutex<Vec<PushTicket>>,
    read: AtomicUsize,
    room: Semaphore,
}

impl Worker {
    fn new(room: usize) -> Arc<Self> {
        let room = Semaphore::new(room);
        Arc::new(Self { got: Mutex::default(), tickets: Mutex::default(), read: AtomicUsize::default(), room })
    }

    fn seqs(&self) -> Vec<u64> {
        self.got.lock().iter().map(|(_, seq, _)| *seq).collect()
    }
}

#[async_trait]
impl PushSink for Worker {
    async fn hand_over(&self, _: ShardId, messages: Vec<PushMessage>, ticket: PushTicket) {
        self.room.acquire().await.unwrap().forget();
        for PushMessage { entry, to } in messages {
            let to = to.iter().map(ToString::to_string).collect();
            self.got.lock().push((entry.conversation.to_string(), entry.seq.0, to));
        }
        self.tickets.lock().push(ticket);
    }
    fn read(&self, _: &ConversationId, _: &UserId, seq: Seq) {
        self.read.fetch_add(usize::try_from(seq.0).unwrap(), SeqCst);
    }
    fn registered(&self, _: &UserId) {}
}

fn open() -> BridgeSettings {
    BridgeSettings { unknown_peers: UnknownPeers::Allowed, ..BridgeSettings::default() }
}

/// Long enough for an idle lane to store its watermarks.
async fn rest() {
    sleep(Duration::from_secs(3)).await;
}

#[tokio::test(start_paused = true)]
async fn messages_are_handed_over_and_settled_when_their_tickets_are_gone() {
    for commits_views in [true, false] {
        let (store, worker) = (Arc::new(MemoryStore::new(1, commits_views)), Worker::new(100));
        let world = World::waking(store.clone(), open(), worker.clone());
        let alice = world.device("alice", "laptop");
        alice.send("@bob", "m1", "x").await.unwrap();
        alice.send("@bob", "m2", "x").await.unwrap();
        rest().await;
        let both = vec!["alice".to_owned(), "bob".to_owned()];
        assert_eq!(
            *worker.got.lock(),
            [("alice:bob".to_owned(), 2, both.clone()), ("alice:bob".to_owned(), 3, both)],
            "not the creation"
        );
        assert!(store.watermarks(0).settled.0 < 2, "nothing is recorded");
        assert_eq!(store.watermarks(0).applied.0, 3);
        worker.tickets.lock().remove(0);
        rest().await;
        assert_eq!(store.watermarks(0).settled.0, 2, "the first message");
        worker.tickets.lock().clear();
        rest().await;
        assert_eq!(store.watermarks(0).settled.0, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_worker_holds_nobody_back_and_gets_everything_in_order() {
    let (store, worker) = (Arc::new(MemoryStore::new(1, true)), Worker::new(0));
    let world = World::waking(store.clone(), open(), worker.clone());
    let alice = world.device("alice", "laptop");
    for n in 0..500 {
        alice.send("@bob", &format!("m{n}"), "x").await.unwrap();
    }
    assert!(worker.seqs().is_empty());
    worker.room.add_permits(1_000);
    rest().await;
    assert_eq!(worker.seqs(), (2..=501).collect::<Vec<_>>());
    worker.tickets.lock().clear();
    rest().await;
    assert_eq!(store.watermarks(0).settled.0, 501);
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_hands_over_what_is_not_settled() {
    let (store, worker) = (Arc::new(MemoryStore::new(1, true)), Worker::new(100));
    let world = World::waking(store.clone(), open(), worker.clone());
    let alice = world.device("alice", "laptop");
    for n in 0..4 {
        alice.send("@bob", &format!("m{n}"), "x").await.unwrap();
    }
    rest().await;
    worker.tickets.lock().drain(..2);
    rest().await;
    world.bridge.stop().await;
    let successor = Worker::new(100);
    let world = World::waking(store.clone(), open(), successor.clone());
    world.bridge.ready().await;
    rest().await;
    assert_eq!(successor.seqs(), [4, 5]);
    drop(worker);
    rest().await;
    assert_eq!(store.watermarks(0).settled.0, 3, "tickets of a former owner settle nothing");
}

#[tokio::test(start_paused = true)]
async fn in_a_channel_only_members_who_are_mentioned_are_woken() {
    let (store, worker) = (Arc::new(MemoryStore::new(1, true)), Worker::new(100));
    let world = World::waking(store, open(), worker.clone());
    let alice = world.device("alice", "laptop");
    let channel = json!({"conv": "news", "kind": "channel", "members": ["bob", "carol"]});
    alice.rpc("conversation.create", channel).await.unwrap();
    alice.command("news", json!({"id": "m1", "body": "x", "mentions": ["bob", "dave"]})).await;
    alice.command("news", json!({"id": "m2", "body": "x"})).await;
    rest().await;
    assert_eq!(*worker.got.lock(), [("news".to_owned(), 2, vec!["bob".to_owned()])]);
}

#[tokio::test(start_paused = true)]
async fn reading_is_told() {
    let (store, worker) = (Arc::new(MemoryStore::new(1, true)), Worker::new(100));
    let world = World::waking(store, open(), worker.clone());
    world.device("alice", "laptop").send("@bob", "m1", "x").await.unwrap();
    world.device("bob", "phone").command("@alice", json!({"type": "read", "seq": 2})).await;
    assert_eq!(worker.read.load(SeqCst), 2);
}
