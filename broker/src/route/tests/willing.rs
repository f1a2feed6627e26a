//! Wills.

use super::super::RouteSettings;
use super::world::{Connect, World, durable, will};

async fn watched() -> (World, super::world::Device) {
    let world = World::new(RouteSettings::default()).await;
    let watcher = world.device("watcher").await;
    watcher.subscribe("gone", 1).await;
    (world, watcher)
}

fn dying(expiry_seconds: u32, delay_seconds: u32) -> Connect {
    Connect { expiry_seconds, will: Some(will("gone", delay_seconds)) }
}

#[tokio::test]
async fn a_will_is_published_unless_the_client_says_good_bye() {
    let (world, watcher) = watched().await;
    for (good_bye, expected) in [(true, 0), (false, 1)] {
        let alice = world.connect("alice", dying(3_600, 0)).await;
        assert_eq!(world.store.wills.lock().len(), 1);
        alice.close(good_bye).await;
        assert_eq!(watcher.texts().len(), expected);
        assert!(world.store.wills.lock().is_empty());
    }
}

#[tokio::test]
async fn it_waits_for_its_delay_or_the_end_of_the_session() {
    for (expiry, delay, after) in [(3_600, 10, 10), (5, 10, 5), (0, 10, 0)] {
        let (world, watcher) = watched().await;
        world.connect("alice", dying(expiry, delay)).await.close(false).await;
        if after > 0 {
            world.pass(after * 1_000 - 1).await;
            assert!(watcher.texts().is_empty(), "delay {delay}, expiry {expiry}");
            world.pass(1).await;
        }
        assert_eq!(watcher.texts(), ["lost"], "delay {delay}, expiry {expiry}");
        world.pass(10_000_000).await;
        assert!(watcher.texts().is_empty());
    }
}

#[tokio::test]
async fn coming_back_in_time_cancels_it_and_a_clean_start_does_not() {
    for (again, expected) in [(durable(), 0), (Connect::default(), 1)] {
        let (world, watcher) = watched().await;
        world.connect("alice", dying(3_600, 10)).await.close(false).await;
        let alice = world.connect("alice", again).await;
        world.pass(60_000).await;
        assert_eq!(watcher.texts().len(), expected);
        alice.close(true).await;
    }
}

#[tokio::test]
async fn a_crash_of_the_server_ends_all_connections() {
    for (expiry, delay, due) in [(3_600, 0, 5), (3_600, 60, 60), (0, 60, 5)] {
        let (world, _) = watched().await;
        let alice = world.connect("alice", dying(expiry, delay)).await;
        let world = world.crash().await;
        drop(alice);
        let watcher = world.device("watcher").await;
        watcher.subscribe("gone", 1).await;
        world.pass(due * 1_000 - 1).await;
        assert!(watcher.texts().is_empty());
        world.pass(1).await;
        assert_eq!(watcher.texts(), ["lost"], "delay {delay}, expiry {expiry}");
        assert!(world.store.wills.lock().is_empty());
    }
}

#[tokio::test]
async fn after_a_crash_whoever_comes_back_within_the_delay_has_not_gone() {
    let (world, _) = watched().await;
    let _alice = world.connect("alice", dying(3_600, 60)).await;
    let world = world.crash().await;
    let watcher = world.device("watcher").await;
    watcher.subscribe("gone", 1).await;
    let _alice = world.connect("alice", dying(3_600, 60)).await;
    world.pass(100_000).await;
    assert!(watcher.texts().is_empty());
    assert_eq!(world.store.wills.lock().len(), 1);
}

#[tokio::test]
async fn a_will_may_be_retained() {
    let world = World::new(RouteSettings::default()).await;
    let mut last = will("gone", 0);
    last.retain = true;
    world.connect("alice", Connect { expiry_seconds: 0, will: Some(last) }).await.close(false).await;
    let late = world.device("late").await;
    late.subscribe("gone", 1).await;
    assert!(late.take(1)[0].retain);
}
