//! What members get, and those who are no more.

use longwave_model::{ConversationKind, MemberChange};

use crate::device::{DURABLE, Device, LIVE_ONLY};
use crate::world::World;

#[tokio::test]
async fn a_new_member_begins_with_the_entry_that_made_it_one() {
    let world = World::new().await;
    world.create("team", ConversationKind::Group, &["alice"]).await;
    world.say("team", "alice", "secret").await;
    let mut bob = Device::connect(&world, "bob", "phone", DURABLE).await;
    bob.subscribe("u/bob/c/+/json", 1).await;
    world.change_member("team", "bob", MemberChange::Added).await;
    world.say("team", "alice", "welcome").await;
    let got = bob.receive(2).await;
    assert!(got[0].contains(r#""change":"added""#), "{}", got[0]);
    assert!(got[1].contains("welcome"), "{}", got[1]);
    let away = Device::connect(&world, "bob", "tablet", DURABLE).await;
    away.subscribe("u/bob/c/+/json", 1).await;
    bob.expect_silence().await;
}

#[tokio::test]
async fn a_removed_member_gets_its_removal_and_nothing_after() {
    let world = World::new().await;
    world.create("team", ConversationKind::Group, &["alice", "bob"]).await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    phone.subscribe("u/bob/c/+/json", 1).await;
    let tablet = Device::connect(&world, "bob", "tablet", DURABLE).await;
    tablet.subscribe("u/bob/c/+/json", 1).await;
    tablet.close(&world).await;
    world.say("team", "alice", "before").await;
    world.change_member("team", "bob", MemberChange::Removed).await;
    world.say("team", "alice", "after").await;
    for got in [phone.receive(3).await, {
        let mut tablet = Device::connect(&world, "bob", "tablet", DURABLE).await;
        let got = tablet.receive(3).await;
        tablet.expect_silence().await;
        got
    }] {
        assert!(got[0].contains(r#""change":"created""#), "{}", got[0]);
        assert!(got[1].contains("before"));
        assert!(got[2].contains(r#""change":"removed""#), "{}", got[2]);
    }
    world.hub.compare_all().await;
    phone.expect_silence().await;
}

#[tokio::test]
async fn who_comes_back_gets_what_follows_and_not_what_was_said_meanwhile() {
    let world = World::new().await;
    world.create("team", ConversationKind::Group, &["alice", "bob"]).await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    let tablet = Device::listening(&world, "bob", "tablet", DURABLE).await;
    tablet.close(&world).await;
    world.say("team", "alice", "one").await;
    assert_eq!(phone.receive(1).await, ["one"]);
    world.change_member("team", "bob", MemberChange::Left).await;
    world.say("team", "alice", "meanwhile").await;
    world.change_member("team", "bob", MemberChange::Added).await;
    world.say("team", "alice", "two").await;
    assert_eq!(phone.receive(1).await, ["two"]);
    let mut tablet = Device::connect(&world, "bob", "tablet", DURABLE).await;
    assert_eq!(tablet.receive(1).await, ["two"]);
    phone.close(&world).await;
    Device::connect(&world, "bob", "phone", DURABLE).await.expect_silence().await;
}

#[tokio::test]
async fn a_channel_reaches_members_who_are_there_and_those_who_come_later() {
    let world = World::new().await;
    world.create("news", ConversationKind::Channel, &["alice", "bob", "carol"]).await;
    let mut bob = Device::listening(&world, "bob", "phone", DURABLE).await;
    Device::listening(&world, "carol", "phone", DURABLE).await.close(&world).await;
    let mut dave = Device::listening(&world, "dave", "phone", DURABLE).await;
    world.say("news", "alice", "one").await;
    assert_eq!(bob.receive(1).await, ["one"]);
    let mut carol = Device::connect(&world, "carol", "phone", DURABLE).await;
    assert_eq!(carol.receive(1).await, ["one"]);
    world.change_member("news", "dave", MemberChange::Added).await;
    world.say("news", "alice", "two").await;
    for device in [&mut bob, &mut carol, &mut dave] {
        assert_eq!(device.receive(1).await, ["two"]);
    }
    world.change_member("news", "dave", MemberChange::Removed).await;
    world.say("news", "alice", "three").await;
    assert_eq!(bob.receive(1).await, ["three"]);
    dave.expect_silence().await;
}

#[tokio::test]
async fn a_channel_is_live_for_browser_tabs_too() {
    let world = World::new().await;
    world.create("news", ConversationKind::Channel, &["alice", "bob"]).await;
    world.say("news", "alice", "before").await;
    let mut tab = Device::listening(&world, "bob", "tab", LIVE_ONLY).await;
    world.say("news", "alice", "live").await;
    assert_eq!(tab.receive(1).await, ["live"]);
    tab.expect_silence().await;
}
