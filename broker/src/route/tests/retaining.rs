//! Retained messages.

use longwave_model::ErrorCode;

use super::super::RouteSettings;
use super::world::{World, expires_in};

#[tokio::test]
async fn a_new_subscription_gets_what_is_retained_also_after_a_crash() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    alice.retain("a/1", "old").await;
    alice.retain("a/1", "one").await;
    alice.retain("a/2", "two").await;
    alice.retain("b", "three").await;
    alice.retain("a/2", "").await;
    let world = world.crash().await;
    let bob = world.device("bob").await;
    bob.subscribe("a/#", 1).await;
    let taken = bob.take(10);
    assert_eq!(taken.len(), 1);
    assert_eq!((&*taken[0].topic, &taken[0].payload[..], taken[0].retain), ("a/1", &b"one"[..], true));
    assert_eq!(world.stats().retained_messages.get(), 2);
}

#[tokio::test]
async fn retain_handling_says_when() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    alice.retain("t", "x").await;
    for (handling, first, again) in [(0, 1, 1), (1, 1, 0), (2, 0, 0)] {
        let bob = world.device("bob").await;
        for expected in [first, again] {
            bob.subscribe_with("t", 1, |subscription| subscription.retain_handling = handling).await;
            assert_eq!(bob.texts().len(), expected, "retain handling {handling}");
        }
        bob.close(true).await;
    }
    let shared = world.device("shared").await;
    shared.subscribe("$share/g/t", 1).await;
    assert!(shared.texts().is_empty());
}

#[tokio::test]
async fn a_live_message_has_the_flag_only_where_it_is_wanted() {
    let world = World::new(RouteSettings::default()).await;
    let (alice, bob, carol) = (world.device("alice").await, world.device("bob").await, world.device("carol").await);
    bob.subscribe("t", 1).await;
    carol.subscribe_with("t", 1, |subscription| subscription.retain_as_published = true).await;
    alice.retain("t", "x").await;
    assert!(!bob.take(1)[0].retain);
    assert!(carol.take(1)[0].retain);
}

#[tokio::test]
async fn retained_messages_expire_and_leave_the_store() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let keep = |payload| {
        alice.publish_with("t", payload, 1, |publish| {
            publish.retain = true;
            publish.properties = expires_in(10);
        })
    };
    keep("x").durable().await;
    world.pass(4_000).await;
    let bob = world.device("bob").await;
    bob.subscribe("t", 1).await;
    assert_eq!(bob.take(1)[0].properties.as_ref().unwrap().expiry_seconds, Some(6));
    world.pass(6_000).await;
    while !world.store.retained.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.stats().retained_messages.get(), 0);
    assert_eq!(world.stats().retained_bytes.get(), 0);
}

#[tokio::test]
async fn beyond_the_limits_nothing_more_is_retained() {
    let settings = RouteSettings { retained_messages: 2, retained_bytes: 100, ..RouteSettings::default() };
    let world = World::new(settings).await;
    let alice = world.device("alice").await;
    alice.retain("a", "x").await;
    alice.retain("b", "x").await;
    let refused =
        |topic, payload: &str| alice.publish_with(topic, payload, 1, |publish| publish.retain = true).refused();
    assert_eq!(refused("c", "x"), Some(ErrorCode::RetainedFull));
    assert_eq!(refused("b", &"x".repeat(100)), Some(ErrorCode::RetainedFull));
    alice.retain("b", "y").await;
    alice.retain("a", "").await;
    alice.retain("c", "x").await;
    assert_eq!(world.store.retained.lock().keys().cloned().collect::<Vec<_>>(), ["b", "c"]);
}
