//! Who gets what, and how.

use longwave_model::ErrorCode;
use longwave_port::Subscription;

use super::super::{Dropped, RouteSettings};
use super::world::{World, expires_in};

#[tokio::test]
async fn overlapping_filters_bring_one_copy_at_the_highest_qos_with_all_identifiers() {
    let world = World::new(RouteSettings::default()).await;
    let (alice, bob) = (world.device("alice").await, world.device("bob").await);
    for (number, (filter, qos)) in [("a/b", 0), ("a/+", 2), ("#", 1), ("c", 2)].into_iter().enumerate() {
        let identifier = u32::try_from(number + 1).ok();
        bob.subscribe_with(filter, qos, |subscription| subscription.identifier = identifier).await;
    }
    assert!(alice.publish("a/b", "x", 2).is_done());
    let taken = bob.take(10);
    assert_eq!(taken.len(), 1);
    assert!(taken[0].exactly_once);
    let mut identifiers = taken[0].identifiers.clone().unwrap();
    identifiers.sort_unstable();
    assert_eq!(*identifiers, [1, 2, 3]);
}

#[tokio::test]
async fn the_qos_is_the_lower_of_both() {
    let world = World::new(RouteSettings::default()).await;
    let (alice, bob) = (world.device("alice").await, world.device("bob").await);
    for qos in 0..3 {
        bob.subscribe(&format!("granted/{qos}"), qos).await;
    }
    for (published, granted, expected) in [(0, 2_u8, 0), (1, 0, 0), (2, 1, 1), (1, 2, 1), (2, 2, 2)] {
        alice.publish_with(&format!("granted/{granted}"), "x", published, |publish| {
            // Each a new use of the packet id.
            if let longwave_port::Guarantee::ExactlyOnce { uses, .. } = &mut publish.guarantee {
                *uses = granted.into();
            }
        });
        let taken = bob.take(10);
        let qos = taken[0].ticket.map_or(0, |_| 1 + u8::from(taken[0].exactly_once));
        assert_eq!(qos, expected, "published {published}, granted {granted}");
        taken[0].ticket.into_iter().for_each(|ticket| bob.opened.outlet.acked(ticket));
    }
    assert_eq!(world.stats().waiting.get(), 0);
}

#[tokio::test]
async fn no_local_keeps_a_client_from_hearing_itself() {
    let world = World::new(RouteSettings::default()).await;
    let (alice, bob) = (world.device("alice").await, world.device("bob").await);
    alice.subscribe_with("t", 1, |subscription| subscription.no_local = true).await;
    bob.subscribe("t", 1).await;
    alice.publish("t", "mine", 1);
    bob.publish("t", "his", 1);
    assert_eq!(alice.texts(), ["his"]);
    assert_eq!(bob.texts(), ["mine", "his"]);
}

#[tokio::test]
async fn a_message_expires_while_it_waits_and_else_says_what_is_left() {
    let world = World::new(RouteSettings::default()).await;
    let (alice, bob) = (world.device("alice").await, world.device("bob").await);
    bob.subscribe("t", 1).await;
    alice.publish_with("t", "short", 1, |publish| publish.properties = expires_in(2));
    alice.publish_with("t", "long", 1, |publish| publish.properties = expires_in(60));
    world.pass(2_500).await;
    let taken = bob.take(10);
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].properties.as_ref().unwrap().expiry_seconds, Some(58));
    assert_eq!(world.stats().dropped(Dropped::Expired), 1);
}

#[tokio::test]
async fn everything_outside_plain_topics_goes_through() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    for topic in ["u/alice/c/@bob/raw", "$other/x"] {
        let fate = alice.publish(topic, "x", 1);
        assert!(matches!(*fate.0.lock(), Some(longwave_port::Answer::Stored { .. })), "{topic}");
    }
    let kept = alice.publish_with("u/alice/c/@bob/raw", "x", 1, |publish| publish.retain = true);
    assert_eq!(kept.refused(), Some(ErrorCode::RetainUnavailable));
    assert_eq!(world.stats().received.get(), 0);
}

#[tokio::test]
async fn what_access_denies_is_refused_filter_by_filter() {
    let world = World::new(RouteSettings { levels: 3, ..RouteSettings::default() }).await;
    let alice = world.device("alice").await;
    assert_eq!(alice.publish("secret/x", "x", 1).refused(), Some(ErrorCode::NotYourTopic));
    assert_eq!(alice.publish("a/b/c/d", "x", 1).refused(), Some(ErrorCode::BadFilter));
    let filters = ["a", "secret/+", "$share/g/secret/a", "a/b/c/d", "b"];
    let asked = filters.map(|filter| Subscription {
        filter: filter.into(),
        qos: 1,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
        identifier: None,
    });
    let answers = alice.opened.outlet.subscribe(asked.to_vec()).await.unwrap();
    let codes: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|refusal| refusal.code)).collect();
    let (denied, deep) = (Err(ErrorCode::NotYourTopic), Err(ErrorCode::BadFilter));
    assert_eq!(codes, [Ok(1), denied, denied, deep, Ok(1)]);
    assert_eq!(world.stats().subscriptions.get(), 2);
    assert_eq!(world.stats().refused.get(), 2);
}

#[tokio::test]
async fn nothing_comes_after_unsubscribing() {
    let world = World::new(RouteSettings::default()).await;
    let (alice, bob) = (world.device("alice").await, world.device("bob").await);
    bob.subscribe("t", 1).await;
    bob.subscribe("$share/g/t", 1).await;
    bob.opened.outlet.unsubscribe(vec!["t".into(), "$share/g/t".into()]).await.unwrap();
    alice.publish("t", "x", 1);
    assert!(bob.texts().is_empty());
    assert_eq!(world.stats().subscriptions.get(), 0);
    assert!(world.router.index.read().is_empty());
}
