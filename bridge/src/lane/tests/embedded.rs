//! The bridge on the embedded store: many devices at once, stops and starts, and what the store holds afterwards.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use longwave_model::ConversationId;
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_persistence::{Direction, Log};
use serde_json::json;

use crate::testing::World;
use crate::{BridgeSettings, UnknownPeers, invariant};

fn open(path: &Path) -> World<Embedded> {
    let config = EmbeddedConfig { shards: 4, free_space_mark: 0, ..EmbeddedConfig::new(path.join("store")) };
    let settings = BridgeSettings { unknown_peers: UnknownPeers::Allowed, ..BridgeSettings::default() };
    World::on(Arc::new(Embedded::open(config).unwrap()), settings)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_sent_is_there_once_and_in_order_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = open(directory.path());
    let mut first: HashMap<(usize, u32), u64> = HashMap::new();
    for round in 0..3 {
        let senders: Vec<_> = (0..8)
            .map(|sender| {
                let device = world.connect(&format!("user{sender}"), "d", round, false);
                tokio::spawn(async move {
                    let mut seqs = Vec::new();
                    // Half of each round repeats what the round before has sent.
                    for n in round as u32 * 20..round as u32 * 20 + 40 {
                        let peer = format!("@user{}", (sender + 1) % 8);
                        seqs.push(((sender, n), device.send(&peer, &format!("m{n}"), "x").await.unwrap()));
                    }
                    seqs
                })
            })
            .collect();
        for sender in senders {
            let seqs = sender.await.unwrap();
            assert!(seqs.windows(2).all(|pair| pair[0].1 < pair[1].1), "one sender's messages keep their order");
            for (message, seq) in seqs {
                assert_eq!(*first.entry(message).or_insert(seq), seq);
            }
        }
        world.bridge.stop().await;
        drop(world);
        world = open(directory.path());
    }
    assert_eq!(first.len(), 8 * 80);
    for sender in 0..8 {
        let (one, other) = (format!("user{sender}"), format!("user{}", (sender + 1) % 8));
        let [one, other] = [one, other].map(|name| longwave_model::UserId::parse(&name).unwrap());
        let id = ConversationId::direct(&one, &other);
        let page = world.store.page(&id, 1..=u64::MAX, Direction::Forward, 1_000, usize::MAX).await.unwrap();
        assert_eq!(page.entries.len(), 81, "a creation and 80 messages");
        assert_eq!(page.head.seq.0, 81);
        assert!(invariant::is_dense(page.entries.iter().map(|entry| &**entry)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_and_marks_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let world = open(directory.path());
    let (alice, bob) = (world.device("alice", "laptop"), world.device("bob", "phone"));
    alice.rpc("conversation.create", json!({"conv": "team", "title": "T", "members": ["bob", "eve"]})).await.unwrap();
    alice.send("team", "m1", "x").await.unwrap();
    alice.rpc("member.remove", json!({"conv": "team", "user": "eve"})).await.unwrap();
    bob.command("team", json!({"type": "read", "seq": 2})).await;
    world.bridge.stop().await;
    drop((world, alice, bob));

    let world = open(directory.path());
    let bob = world.device("bob", "phone");
    let got = bob.rpc("conversation.get", json!({"conv": "team"})).await.unwrap();
    let members = json!([{"user": "alice", "role": "owner"}, {"user": "bob", "role": "member", "read": 2}]);
    assert_eq!((&got["members"], got["head"].as_u64(), got["title"].as_str()), (&members, Some(3), Some("T")));
    assert_eq!(bob.send("team", "m1", "x").await, Ok(4));
    let listed = bob.rpc("conversation.list", json!({})).await.unwrap();
    let expected = json!([{"conv": "team", "kind": "group", "title": "T", "head": 4, "read": 2}]);
    assert_eq!(listed["conversations"], expected);
    let eve = world.device("eve", "tablet");
    let page = eve.rpc("history.page", json!({"conv": "team"})).await.unwrap();
    assert_eq!((page["events"].as_array().unwrap().len(), page["head"].as_u64()), (3, Some(3)));
    assert!(eve.send("team", "m1", "x").await.is_err());
}
