//! More is published than taken: publishers slow down first, then copies are dropped, and every one is accounted for.

use super::super::{Dropped, RouteSettings, RouteStats};
use super::world::{World, durable, expires_in};

/// What has come in is what has gone out, waits, or was dropped for a reason.
pub(super) fn adds_up(stats: &RouteStats) {
    assert_eq!(stats.received.get(), stats.routed.get() + stats.dropped(Dropped::NoSubscriber));
    let dropped: u64 =
        Dropped::ALL.into_iter().filter(|why| *why != Dropped::NoSubscriber).map(|why| stats.dropped(why)).sum();
    let waiting = u64::try_from(stats.waiting.get()).unwrap();
    assert_eq!(stats.copies.get(), stats.delivered.get() + dropped + waiting);
}

#[tokio::test]
async fn received_is_delivered_and_dropped() {
    let settings = RouteSettings { queue_messages: 20, queue_bytes: 250, ..RouteSettings::default() };
    let world = World::new(settings).await;
    let publisher = world.device("publisher").await;
    let quick = world.device("quick").await;
    quick.subscribe("#", 2).await;
    let slow = world.device("slow").await;
    slow.subscribe("t/+", 1).await;
    let away = world.connect("away", durable()).await;
    away.subscribe("#", 1).await;
    away.close(true).await;
    let leaving = world.device("leaving").await;
    leaving.subscribe("t/#", 1).await;
    for member in ["one", "two"] {
        let member = world.device(member).await;
        member.subscribe("$share/group/t/1", 1).await;
        member.close(false).await;
    }
    for number in 0..200_u64 {
        let payload = if number % 10 == 9 { "x".repeat(100) } else { number.to_string() };
        let topic = if number % 7 == 0 { "nobody" } else { "t/1" };
        publisher.publish_with(topic, &payload, u8::try_from(number % 2).unwrap(), |publish| {
            publish.properties = expires_in(if number % 5 == 0 { 1 } else { 100 });
        });
        quick.texts();
        adds_up(world.stats());
        if number == 100 {
            world.pass(1_500).await;
            let taken = slow.take(3);
            assert_eq!(taken.iter().filter(|delivery| delivery.ticket.is_some()).count(), 3);
        }
    }
    adds_up(world.stats());
    leaving.close(false).await;
    adds_up(world.stats());
    slow.texts();
    adds_up(world.stats());
    for why in [Dropped::QueueFull, Dropped::QueueBytes, Dropped::Expired, Dropped::Offline, Dropped::SessionEnded] {
        assert!(world.stats().dropped(why) > 0, "{why:?} did not happen");
    }
    assert_eq!(world.stats().dropped(Dropped::NoSubscriber), 0, "everything has a subscriber");
}

#[tokio::test]
async fn without_subscribers_a_message_is_dropped_and_counted() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    assert!(alice.publish("t", "x", 1).is_done());
    assert_eq!(world.stats().dropped(Dropped::NoSubscriber), 1);
    adds_up(world.stats());
}

#[tokio::test]
async fn a_slow_receiver_slows_the_publisher_before_anything_is_dropped() {
    let world = World::new(RouteSettings { queue_messages: 8, ..RouteSettings::default() }).await;
    let (alice, bob) = (world.device("alice").await, world.device("bob").await);
    bob.subscribe("t", 1).await;
    let fates: Vec<_> = (0..6).map(|number| alice.publish("t", &number.to_string(), 1)).collect();
    assert_eq!(bob.mailbox.woken.load(std::sync::atomic::Ordering::Relaxed), 6);
    let done: Vec<_> = fates.iter().map(|fate| fate.is_done()).collect();
    assert_eq!(done, [true, true, true, true, false, false]);
    assert_eq!(world.stats().held_back.get(), 2);
    assert_eq!(bob.texts().len(), 6);
    assert!(fates.iter().all(|fate| fate.is_done()), "the queue is low again");
    assert_eq!(world.stats().dropped(Dropped::QueueFull), 0);
}

#[tokio::test]
async fn nobody_is_slowed_down_for_long_nor_by_who_takes_nothing() {
    let world = World::new(RouteSettings { queue_messages: 8, ..RouteSettings::default() }).await;
    let (alice, bob) = (world.device("alice").await, world.device("bob").await);
    bob.subscribe("t", 1).await;
    let fates: Vec<_> = (0..6).map(|number| alice.publish("t", &number.to_string(), 1)).collect();
    world.pass(499).await;
    assert!(!fates[5].is_done());
    world.pass(1).await;
    assert!(fates[5].is_done());
    world.pass(1_000).await;
    for number in 6..20 {
        assert!(alice.publish("t", &number.to_string(), 1).is_done(), "bob is stuck");
    }
    assert_eq!(world.stats().dropped(Dropped::QueueFull), 12);
    assert_eq!(bob.texts().len(), 8);
    adds_up(world.stats());
}
