//! Who is online, for those who share a conversation.

use crate::device::{DURABLE, Device, LIVE_ONLY};
use crate::world::{START, World};

#[tokio::test]
async fn people_who_share_a_conversation_see_each_other_come_and_go() {
    let world = World::new().await;
    world.say("alice:bob", "alice", "hello").await;
    let stranger = Device::connect(&world, "mallory", "phone", LIVE_ONLY).await;
    stranger.subscribe("u/mallory/presence/+", 0).await;
    let mut stranger = stranger;
    let mut alice = Device::connect(&world, "alice", "laptop", LIVE_ONLY).await;
    alice.subscribe("u/alice/presence/+", 0).await;
    let first = alice.wait(1).await;
    assert_eq!((&*first[0].topic, first[0].payload.as_ref()), ("u/alice/presence/bob", &b"offline 0"[..]));
    let bob = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert_eq!(alice.receive(1).await, ["online"]);
    world.pass(10);
    bob.close(&world).await;
    assert_eq!(alice.receive(1).await, [format!("offline {}", START / 1000 + 10)]);
    stranger.expect_silence().await;
}

#[tokio::test]
async fn a_stranger_asked_for_by_name_is_not_told_of() {
    let world = World::new().await;
    world.say("alice:bob", "alice", "hello").await;
    let _bob = Device::connect(&world, "bob", "phone", DURABLE).await;
    let mut mallory = Device::connect(&world, "mallory", "phone", LIVE_ONLY).await;
    mallory.subscribe("u/mallory/presence/bob", 0).await;
    mallory.expect_silence().await;
    let mut alice = Device::connect(&world, "alice", "laptop", LIVE_ONLY).await;
    alice.subscribe("u/alice/presence/bob", 0).await;
    assert_eq!(alice.receive(1).await, ["online"]);
}
