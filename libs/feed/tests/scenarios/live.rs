//! What goes to devices that are there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use longwave_feed::FeedSettings;
use longwave_model::DeviceId;
use longwave_persistence::Cursors as _;
use longwave_port::{Bus as _, Recipients, Typing};

use crate::device::{DURABLE, Device, LIVE_ONLY};
use crate::world::{Wake, World, conversation, settings, user};

#[tokio::test]
async fn the_sending_device_does_not_get_its_own_message_and_the_users_others_do() {
    let world = World::new().await;
    let mut laptop = Device::listening(&world, "alice", "laptop", DURABLE).await;
    let mut phone = Device::listening(&world, "alice", "phone", DURABLE).await;
    world.send("alice:bob", "alice", "laptop", "mine", None, Wake::Arrives).await;
    assert_eq!(phone.receive(1).await, ["mine"]);
    laptop.expect_silence().await;
    laptop.close(&world).await;
    let laptop = DeviceId::parse("laptop").unwrap();
    let cursor = world.store.cursor(&user("alice"), &laptop, &conversation("alice:bob")).await.unwrap();
    assert_eq!(cursor.map(|seq| seq.0), Some(2), "its own entries count as acknowledged");
}

#[tokio::test]
async fn after_the_first_a_conversations_entries_are_not_read_from_the_store() {
    let world = World::new().await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    world.say("alice:bob", "alice", "m 0").await;
    phone.receive(1).await;
    let pages = world.hub.stats().pages.load(Ordering::Relaxed);
    for number in 1..=50 {
        world.say("alice:bob", "alice", &format!("m {number}")).await;
        assert_eq!(phone.receive(1).await, [format!("m {number}")]);
    }
    assert_eq!(world.hub.stats().pages.load(Ordering::Relaxed), pages);
}

#[tokio::test]
async fn forgetting_where_it_stands_loses_nothing_and_repeats_nothing() {
    let settings = FeedSettings { remembered_conversations: 3, ..settings() };
    let world = World::with(settings).await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    let mut tab = Device::listening(&world, "bob", "tab", LIVE_ONLY).await;
    for round in 1..=4 {
        for peer in 1..=8 {
            let text = format!("{peer} in {round}");
            world.say(&format!("bob:peer{peer}"), &format!("peer{peer}"), &text).await;
            assert_eq!((phone.receive(1).await, tab.receive(1).await), (vec![text.clone()], vec![text]));
        }
        world.hub.flush().await.unwrap();
    }
    phone.expect_silence().await;
    tab.expect_silence().await;
}

#[tokio::test]
async fn each_entry_comes_once_in_the_encoding_that_has_precedence_and_is_encoded_once() {
    let world = World::new().await;
    world.create("team", longwave_model::ConversationKind::Group, &["alice", "bob", "carol"]).await;
    let mut bob = Device::connect(&world, "bob", "phone", LIVE_ONLY).await;
    bob.subscribe("u/bob/c/+/raw", 1).await;
    bob.subscribe("u/bob/c/+/json", 1).await;
    let mut carol = Device::connect(&world, "carol", "phone", LIVE_ONLY).await;
    carol.subscribe("u/carol/c/team/json", 1).await;
    world.say("team", "alice", "hello").await;
    let (to_bob, to_carol) = (bob.wait(1).await, carol.wait(1).await);
    assert_eq!(&*to_bob[0].topic, "u/bob/c/team/json");
    assert_eq!(&*to_carol[0].topic, "u/carol/c/team/json");
    assert_eq!(to_bob[0].payload.as_ptr(), to_carol[0].payload.as_ptr(), "the bytes are shared");
}

#[tokio::test]
async fn a_subscription_at_qos_0_moves_no_cursor() {
    let world = World::new().await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    phone.subscribe("u/bob/c/+/raw", 0).await;
    world.say("alice:bob", "alice", "m 1").await;
    let got = phone.wait(1).await;
    assert_eq!(got[0].ticket, None);
    phone.close(&world).await;
    let device = DeviceId::parse("phone").unwrap();
    assert_eq!(world.store.cursors(&user("bob"), &device).await.unwrap(), []);
    world.say("alice:bob", "alice", "m 2").await;
    Device::connect(&world, "bob", "phone", DURABLE).await.expect_silence().await;
}

#[tokio::test]
async fn acknowledgements_out_of_order_move_the_cursor_when_the_first_has_come() {
    let world = World::new().await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    for number in 1..=3 {
        world.say("alice:bob", "alice", &format!("m {number}")).await;
    }
    phone.wait(3).await;
    let cursor = async || {
        world.hub.shutdown().await.unwrap();
        let device = DeviceId::parse("phone").unwrap();
        let cursor = world.store.cursor(&user("bob"), &device, &conversation("alice:bob")).await.unwrap();
        cursor.map_or(0, |seq| seq.0)
    };
    phone.ack(2);
    phone.ack(1);
    assert!(cursor().await <= 1);
    phone.ack(0);
    assert_eq!(cursor().await, 4);
}

#[tokio::test]
async fn typing_reaches_the_others_briefly() {
    let world = World::new().await;
    world.say("alice:bob", "alice", "hello").await;
    let mut bob = Device::connect(&world, "bob", "phone", LIVE_ONLY).await;
    bob.subscribe("u/bob/c/+/json", 1).await;
    let mut alice = Device::connect(&world, "alice", "laptop", LIVE_ONLY).await;
    alice.subscribe("u/alice/c/+/json", 1).await;
    world.hub.typing(Typing {
        conversation: conversation("alice:bob"),
        user: user("alice"),
        device: Some(DeviceId::parse("laptop").unwrap()),
        to: Recipients::Users(Arc::new(vec![user("alice"), user("bob")])),
    });
    let got = bob.wait(1).await;
    assert_eq!(got[0].ticket, None);
    assert_eq!(&*got[0].topic, "u/bob/c/@alice/json");
    assert_eq!(got[0].properties.as_ref().unwrap().expiry_seconds, Some(5));
    assert!(String::from_utf8_lossy(&got[0].payload).contains("typing"));
    alice.expect_silence().await;
}
