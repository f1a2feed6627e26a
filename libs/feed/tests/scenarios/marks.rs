//! Marks: delivered when a device says so, told to those who are there and to those who come back.

use std::sync::Arc;

use longwave_model::Seq;
use longwave_persistence::{Cursors as _, MarkRaise, Marks as _};
use longwave_port::{Bus as _, MarkSignal, Recipients};

use crate::device::{DURABLE, Device, LIVE_ONLY};
use crate::world::{World, conversation, user};

async fn json(world: &World, name: &str, device: &str, connect: crate::device::Connect) -> Device {
    let device = Device::connect(world, name, device, connect).await;
    device.subscribe(&format!("u/{name}/c/+/json"), 1).await;
    device
}

async fn delivered(world: &World, name: &str) -> u64 {
    world.hub.shutdown().await.unwrap();
    let mark = world.store.mark(&conversation("alice:bob"), &user(name)).await.unwrap();
    mark.map_or(0, |mark| mark.delivered.0)
}

#[tokio::test]
async fn an_acknowledgement_becomes_the_senders_delivered_mark() {
    let world = World::new().await;
    let mut alice = json(&world, "alice", "elsewhere", DURABLE).await;
    let mut bob = Device::listening(&world, "bob", "phone", DURABLE).await;
    world.say("alice:bob", "alice", "hello").await;
    bob.wait(1).await;
    alice.expect_silence().await;
    bob.ack_all();
    let got = alice.receive(1).await;
    assert!(got[0].contains(r#""type":"mark""#) && got[0].contains(r#""delivered":2"#), "{}", got[0]);
    assert_eq!(delivered(&world, "bob").await, 2);
    bob.expect_silence().await;
}

#[tokio::test]
async fn who_was_away_learns_of_marks_when_coming_back() {
    let world = World::new().await;
    json(&world, "alice", "elsewhere", DURABLE).await.close(&world).await;
    world.pass(60);
    let mut bob = Device::listening(&world, "bob", "phone", DURABLE).await;
    world.say("alice:bob", "alice", "hello").await;
    bob.receive(1).await;
    assert_eq!(delivered(&world, "bob").await, 2);
    let mut alice = Device::connect(&world, "alice", "elsewhere", DURABLE).await;
    let got = alice.receive(1).await;
    assert!(got[0].contains(r#""delivered":2"#), "{}", got[0]);
    world.pass(60);
    alice.close(&world).await;
    Device::connect(&world, "alice", "elsewhere", DURABLE).await.expect_silence().await;
}

#[tokio::test]
async fn a_read_mark_reaches_the_others_and_the_readers_own_devices() {
    let world = World::new().await;
    world.say("alice:bob", "alice", "hello").await;
    let mut alice = json(&world, "alice", "laptop", LIVE_ONLY).await;
    let mut bob = json(&world, "bob", "tablet", LIVE_ONLY).await;
    world.hub.mark(MarkSignal {
        conversation: conversation("alice:bob"),
        user: user("bob"),
        delivered: Seq(2),
        read: Seq(2),
        to: Recipients::Users(Arc::new(vec![user("alice"), user("bob")])),
    });
    let to_alice = alice.receive(1).await;
    assert!(to_alice[0].contains(r#""read":2"#) && to_alice[0].contains(r#""delivered":2"#), "{}", to_alice[0]);
    let to_bob = bob.receive(1).await;
    assert!(to_bob[0].contains(r#""read":2"#) && !to_bob[0].contains("delivered"), "{}", to_bob[0]);
}

#[tokio::test]
async fn a_browser_tab_moves_the_mark_only_when_nothing_below_is_owed() {
    let world = World::new().await;
    world.say("alice:bob", "alice", "owed to the phone").await;
    let mut tab = Device::listening(&world, "bob", "tab", LIVE_ONLY).await;
    world.say("alice:bob", "alice", "live").await;
    tab.receive(1).await;
    assert_eq!(delivered(&world, "bob").await, 0);
    tab.close(&world).await;
    let raise = MarkRaise {
        conversation: conversation("alice:bob"),
        user: user("bob"),
        delivered: Seq(3),
        read: Seq(0),
        ts: world.now(),
    };
    world.store.raise(Vec::new(), vec![raise]).await.unwrap();
    let mut tab = Device::listening(&world, "bob", "tab", LIVE_ONLY).await;
    world.say("alice:bob", "alice", "next").await;
    tab.receive(1).await;
    assert_eq!(delivered(&world, "bob").await, 4);
}
