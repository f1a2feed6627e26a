//! Several would-be owners of one shard, and publishes that other processes hand over: a sender's order holds whoever owns the shard,
//! and nothing is stored twice.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use longwave_model::ShardId;
use longwave_port::{Answer, Guarantee, Lease, Publish, Route};
use serde_json::json;

use crate::testing::{Device, MemoryStore, World, seq_of};
use crate::{BridgeSettings, Ownership, UnknownPeers, invariant};

fn rivals() -> (World, World) {
    let settings = || BridgeSettings { unknown_peers: UnknownPeers::Allowed, ..BridgeSettings::default() };
    let store = Arc::new(MemoryStore::new(1, false));
    (
        World::owning(store.clone(), settings(), Ownership::OnDemand),
        World::owning(store, settings(), Ownership::OnDemand),
    )
}

/// Whether who handed a publish over still waits for it.
#[derive(Debug)]
struct Waits(bool);

impl Lease for Waits {
    fn holds(&self) -> bool {
        self.0
    }
}

fn handed_over(device: &Device, number: u64, after: u64) -> Publish {
    let route = Route { after, again: false, lease: Arc::new(Waits(true)) };
    let guarantee = Guarantee::AtLeastOnce { packet_id: u16::try_from(number).unwrap(), resend_of: None };
    let publish = device.publish("u/alice/c/@bob/raw", "same");
    Publish { number, route: Some(route), guarantee, ..publish }
}

fn again(publish: Publish) -> Publish {
    Publish { route: publish.route.map(|route| Route { again: true, after: 0, ..route }), ..publish }
}

async fn answer(device: &Device, publish: Publish) -> Answer {
    device.hand(publish).await.unwrap()
}

async fn seq(device: &Device, publish: Publish) -> u64 {
    seq_of(answer(device, publish).await).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_shard_is_taken_when_something_is_asked() {
    let (one, _other) = rivals();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((one.stats.takeovers.load(Relaxed), one.stats.owned.load(Relaxed)), (0, 0));
    let alice = one.device("alice", "laptop");
    assert_eq!(seq(&alice, handed_over(&alice, 1, 0)).await, 2);
    assert_eq!((one.stats.takeovers.load(Relaxed), one.stats.owned.load(Relaxed)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_lost_a_shard_gives_everything_back_and_does_not_fight() {
    let (one, other) = rivals();
    let (here, there) = (one.device("alice", "laptop"), other.device("alice", "laptop"));
    assert_eq!(seq(&here, handed_over(&here, 1, 0)).await, 2);
    assert_eq!(seq(&there, handed_over(&there, 2, 0)).await, 3);
    assert_eq!(answer(&here, handed_over(&here, 3, 0)).await, Answer::Moved);
    assert_eq!(answer(&here, handed_over(&here, 3, 0)).await, Answer::Moved, "too early to take it back");
    assert_eq!((one.stats.owned.load(Relaxed), one.stats.takeovers.load(Relaxed)), (0, 1));
    assert_eq!(seq(&there, again(handed_over(&there, 3, 0))).await, 4);
    one.bridge.own([ShardId(0)]);
    assert_eq!(seq(&here, handed_over(&here, 4, 0)).await, 5, "told to take it");
    assert!(invariant::is_dense(one.store.journal().iter().map(|entry| &**entry)));
}

#[tokio::test(start_paused = true)]
async fn only_the_next_is_taken() {
    let (one, other) = rivals();
    let (here, there) = (one.device("alice", "laptop"), other.device("alice", "laptop"));
    let first = here.hand(handed_over(&here, 1, 0));
    let second = here.hand(handed_over(&here, 2, 1));
    assert_eq!((seq_of(first.await.unwrap()), seq_of(second.await.unwrap())), (Ok(2), Ok(3)));
    // The route changes while 3 is on its way to the former owner.
    assert_eq!(answer(&there, handed_over(&there, 4, 3)).await, Answer::Moved, "3 was not taken here");
    assert_eq!(seq(&there, handed_over(&there, 3, 0)).await, 4);
    assert_eq!(seq(&there, handed_over(&there, 4, 3)).await, 5);
    assert_eq!(answer(&here, handed_over(&here, 3, 2)).await, Answer::Moved);
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_before_the_route_changed_is_found() {
    let (one, other) = rivals();
    let (here, there) = (one.device("alice", "laptop"), other.device("alice", "laptop"));
    for number in 1..=3 {
        assert_eq!(seq(&here, handed_over(&here, number, 0)).await, number + 1);
    }
    // All bodies are the same; the answers to 2 and 3 were lost, 4 was never sent.
    for number in 2..=4 {
        assert_eq!(seq(&there, again(handed_over(&there, number, 0))).await, number + 1);
    }
    assert_eq!(one.store.journal().len(), 5, "the creation and four messages");
}

#[tokio::test(start_paused = true)]
async fn a_used_packet_id_is_not_taken_for_a_retry() {
    let (one, other) = rivals();
    let (here, there) = (one.device("alice", "laptop"), other.device("alice", "laptop"));
    let with_packet_id_1 = |device: &Device, number| {
        let guarantee = Guarantee::AtLeastOnce { packet_id: 1, resend_of: None };
        Publish { guarantee, ..handed_over(device, number, 0) }
    };
    assert_eq!(seq(&here, with_packet_id_1(&here, 1)).await, 2);
    assert_eq!(seq(&there, again(with_packet_id_1(&there, 2))).await, 3, "the second of this body and packet id");
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_is_not_done() {
    let (one, other) = rivals();
    let (here, there) = (one.device("alice", "laptop"), other.device("alice", "laptop"));
    assert_eq!(seq(&there, handed_over(&there, 1, 0)).await, 2);
    let late = Route { after: 0, again: false, lease: Arc::new(Waits(false)) };
    let publish = Publish { route: Some(late.clone()), ..handed_over(&here, 1, 0) };
    assert_eq!(answer(&here, publish).await, Answer::Unknown);
    assert_eq!(one.store.journal().len(), 2);
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "conversation.create", "params": {"conv": "team"}});
    let publish = Publish { route: Some(late), ..here.publish("u/alice/rpc/json", &request.to_string()) };
    assert_eq!(answer(&here, publish).await, Answer::Unknown);
    assert_eq!(one.store.journal().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_idle_owner_finds_out_that_it_is_none() {
    let (one, other) = rivals();
    let (here, there) = (one.device("alice", "laptop"), other.device("alice", "laptop"));
    assert_eq!(seq(&here, handed_over(&here, 1, 0)).await, 2);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(seq(&there, handed_over(&there, 2, 0)).await, 3);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!((one.stats.owned.load(Relaxed), other.stats.owned.load(Relaxed)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_was_replaced_unnoticed_does_not_serve_reads() {
    let (one, other) = rivals();
    let (here, there) = (one.device("alice", "laptop"), other.device("alice", "laptop"));
    assert_eq!(seq(&here, handed_over(&here, 1, 0)).await, 2);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(one.store.watermarks(0).applied.0, 2, "it has nothing to write that would tell it");
    assert_eq!(seq(&there, handed_over(&there, 2, 0)).await, 3);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "history.page", "params": {"conv": "@bob"}});
    assert_eq!(answer(&here, here.publish("u/alice/rpc/json", &request.to_string())).await, Answer::Moved);
    let page = there.rpc("history.page", json!({"conv": "@bob"})).await.unwrap();
    assert_eq!(page["head"], 3);
}
