//! Where sessions begin, and what of them lasts.

use std::sync::atomic::Ordering;

use longwave_model::DeviceId;
use longwave_persistence::Sessions as _;

use crate::device::{CLEAN, Connect, DURABLE, Device, LIVE_ONLY, numbered, subscription};
use crate::world::{World, user};

#[tokio::test]
async fn the_first_device_gets_everything_and_a_second_what_none_has_had() {
    let world = World::new().await;
    for number in 1..=3 {
        world.say("alice:bob", "alice", &format!("m {number}")).await;
    }
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    assert!(!phone.opened.session_present);
    assert_eq!(phone.receive(3).await, numbered("m", 1..=3));
    phone.close(&world).await;
    world.say("alice:bob", "alice", "m 4").await;
    let mut tablet = Device::listening(&world, "bob", "tablet", DURABLE).await;
    assert_eq!(tablet.receive(1).await, ["m 4"]);
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert_eq!(phone.receive(1).await, ["m 4"]);
}

#[tokio::test]
async fn a_clean_start_that_lasts_begins_at_the_heads() {
    let world = World::new().await;
    world.say("alice:bob", "alice", "before").await;
    let laptop = Device::connect(&world, "bob", "laptop", CLEAN).await;
    world.say("alice:bob", "alice", "after").await;
    laptop.subscribe("u/bob/c/+/raw", 1).await;
    let mut laptop = laptop;
    assert_eq!(laptop.receive(1).await, ["after"]);
    laptop.close(&world).await;
    world.say("alice:bob", "alice", "away").await;
    let mut laptop = Device::connect(&world, "bob", "laptop", DURABLE).await;
    assert_eq!(laptop.receive(1).await, ["away"]);
}

#[tokio::test]
async fn a_live_only_session_leaves_no_trace() {
    let world = World::new().await;
    world.say("alice:bob", "alice", "before").await;
    let mut tab = Device::listening(&world, "bob", "tab", LIVE_ONLY).await;
    world.say("alice:bob", "alice", "live").await;
    world.say("bob:carol", "carol", "new conversation").await;
    let mut got = tab.receive(2).await;
    got.sort();
    assert_eq!(got, ["live", "new conversation"]);
    tab.close(&world).await;
    assert_eq!(world.store.session(&user("bob"), &DeviceId::parse("tab").unwrap()).await.unwrap(), None);
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    let mut got = phone.receive(3).await;
    got.sort();
    assert_eq!(got, ["before", "live", "new conversation"]);
}

#[tokio::test]
async fn live_only_goes_on_after_a_comparison_dropped_what_was_idle() {
    let world = World::new().await;
    let mut tab = Device::listening(&world, "bob", "tab", LIVE_ONLY).await;
    world.say("alice:bob", "alice", "m 1").await;
    assert_eq!(tab.receive(1).await, ["m 1"]);
    tokio::time::sleep(world_flush()).await;
    for _ in 0..3 {
        world.hub.compare_all().await;
    }
    world.say("alice:bob", "alice", "m 2").await;
    assert_eq!(tab.receive(1).await, ["m 2"]);
    tab.expect_silence().await;
}

#[tokio::test]
async fn a_live_only_connection_drops_the_session_that_was_there() {
    let world = World::new().await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    world.say("alice:bob", "alice", "m 1").await;
    phone.receive(1).await;
    phone.close(&world).await;
    let tab = Device::connect(&world, "bob", "phone", LIVE_ONLY).await;
    assert!(!tab.opened.session_present);
    tab.close(&world).await;
    let phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert!(!phone.opened.session_present);
    assert_eq!(phone.opened.subscriptions, []);
}

#[tokio::test]
async fn a_session_without_expiry_ends_with_its_connection() {
    let world = World::new().await;
    let brief = Connect { clean_start: false, expiry_seconds: 0, service: false };
    Device::listening(&world, "bob", "phone", brief).await.close(&world).await;
    assert!(!Device::connect(&world, "bob", "phone", brief).await.opened.session_present);
}

#[tokio::test]
async fn incarnation_and_connection_tell_sessions_apart() {
    let world = World::new().await;
    let first = Device::connect(&world, "bob", "phone", DURABLE).await;
    let (incarnation, connection) = (first.opened.sender.incarnation, first.opened.sender.connection);
    first.close(&world).await;
    let second = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert_eq!(second.opened.sender.incarnation, incarnation);
    assert!(second.opened.sender.connection > connection, "the clock stands still, the number does not");
    second.close(&world).await;
    let third = Device::connect(&world, "bob", "phone", CLEAN).await;
    assert_ne!(third.opened.sender.incarnation, incarnation);
    third.close(&world).await;
    let (tab, other) = (
        Device::connect(&world, "bob", "tab", LIVE_ONLY).await.opened.sender.connection,
        Device::connect(&world, "bob", "tab", LIVE_ONLY).await.opened.sender.connection,
    );
    assert!(other > tab);
}

#[tokio::test]
async fn a_connection_that_was_overtaken_writes_nothing() {
    let world = World::new().await;
    let old = Device::listening(&world, "bob", "phone", DURABLE).await;
    let new = Device::connect(&world, "bob", "phone", DURABLE).await;
    old.opened.outlet.subscribe(vec![subscription("u/bob/c/+/json", 1)]).await.unwrap_err();
    old.close(&world).await;
    let row = world.store.session(&user("bob"), &DeviceId::parse("phone").unwrap()).await.unwrap().unwrap();
    assert_eq!(row.connection, new.opened.sender.connection);
    assert_eq!(row.disconnected_at, None);
}

#[tokio::test]
async fn qos2_uses_and_unsettled_publishes_are_kept() {
    let world = World::new().await;
    let phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert_eq!(phone.opened.unsettled, []);
    phone.opened.outlet.released(7, 3).await.unwrap();
    drop(phone);
    let phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert_eq!(phone.opened.qos2_uses, [(7, 3)]);
    assert_eq!(phone.opened.unsettled, [], "the last connection was not closed");
    phone.close(&world).await;
    let phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert_eq!(phone.opened.unsettled, []);
}

#[tokio::test]
async fn subscriptions_are_granted_kept_and_refused_one_by_one() {
    let world = World::new().await;
    let phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    let answers = phone
        .opened
        .outlet
        .subscribe(vec![
            subscription("u/bob/c/+/json", 2),
            subscription("u/alice/c/+/json", 1),
            subscription("u/bob/c/@alice/raw", 0),
        ])
        .await
        .unwrap();
    assert_eq!(answers[0], Ok(1));
    assert!(answers[1].is_err());
    assert_eq!(answers[2], Ok(0));
    assert_eq!(
        phone.opened.outlet.unsubscribe(vec!["u/bob/c/@alice/raw".into(), "nothing".into()]).await.unwrap(),
        [true, false]
    );
    phone.close(&world).await;
    let phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    let kept: Vec<_> = phone.opened.subscriptions.iter().map(|kept| (kept.filter.as_str(), kept.qos)).collect();
    assert_eq!(kept, [("u/bob/c/+/json", 1)]);
}

#[tokio::test]
async fn after_unsubscribing_nothing_comes_and_subscribing_again_brings_what_was_missed() {
    let world = World::new().await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    world.say("alice:bob", "alice", "m 1").await;
    phone.receive(1).await;
    phone.opened.outlet.unsubscribe(vec!["u/bob/c/+/raw".into()]).await.unwrap();
    world.say("alice:bob", "alice", "m 2").await;
    phone.expect_silence().await;
    phone.subscribe("u/bob/c/+/raw", 1).await;
    assert_eq!(phone.receive(1).await, ["m 2"]);
}

#[tokio::test]
async fn a_connecting_user_is_known_from_then_on() {
    use longwave_persistence::Registers as _;
    let world = World::new().await;
    assert_eq!(world.store.get("user/bob/profile").await.unwrap(), None);
    let _phone = Device::connect(&world, "bob", "phone", LIVE_ONLY).await;
    let profile = world.store.get("user/bob/profile").await.unwrap().unwrap();
    assert_eq!(profile.value.as_ref(), format!(r#"{{"created":{}}}"#, world.now()).as_bytes());
}

#[tokio::test]
async fn a_service_sees_what_goes_to_others_while_it_is_connected() {
    let world = World::new().await;
    let service = Connect { service: true, ..DURABLE };
    let mut bot = Device::connect(&world, "bot", "server", service).await;
    assert_eq!(bot.subscribe("u/bob/c/+/raw", 1).await, 0, "other users' topics are live only");
    world.say("alice:bob", "alice", "hello").await;
    assert_eq!(bot.receive(1).await, ["hello"]);
    bot.close(&world).await;
    world.say("alice:bob", "alice", "missed").await;
    let mut bot = Device::connect(&world, "bot", "server", service).await;
    world.say("alice:bob", "alice", "again").await;
    assert_eq!(bot.receive(1).await, ["again"]);
}

#[tokio::test]
async fn open_sessions_are_counted() {
    let world = World::new().await;
    let phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    let tab = Device::connect(&world, "bob", "tab", LIVE_ONLY).await;
    assert_eq!(world.hub.stats().sessions.load(Ordering::Relaxed), 2);
    phone.close(&world).await;
    drop(tab);
    assert_eq!(world.hub.stats().sessions.load(Ordering::Relaxed), 0);
}

fn world_flush() -> std::time::Duration {
    crate::world::settings().flush_interval * 5
}
