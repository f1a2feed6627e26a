//! What waits for sessions that outlive their connections is stored once, waits in the log and survives a crash.

use std::sync::atomic::Ordering::Relaxed;

use longwave_port::Guarantee;

use super::super::{Dropped, RouteSettings};
use super::overload::adds_up;
use super::world::{Device, World, durable};

fn numbers(of: std::ops::Range<u32>) -> Vec<String> {
    of.map(|number| number.to_string()).collect()
}

async fn publish_all(alice: &Device, topic: &str, of: std::ops::Range<u32>, qos: u8) {
    for number in of {
        let fate = alice.publish_with(topic, &number.to_string(), qos, |publish| {
            if qos == 2 {
                publish.guarantee = Guarantee::ExactlyOnce { packet_id: 1, uses: number };
            }
        });
        fate.durable().await;
    }
}

#[tokio::test]
async fn what_waits_is_stored_once_and_survives_a_crash() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    for name in ["bob", "carol", "dave"] {
        let device = world.connect(name, durable()).await;
        device.subscribe("t/+", 1).await;
        if name == "dave" {
            device.subscribe("t/#", 2).await;
        }
        device.close(true).await;
    }
    publish_all(&alice, "t/1", 0..300, 1).await;
    assert_eq!(world.store.log.messages.lock().len(), 300);
    assert_eq!(world.store.log.references.lock().len(), 600, "one for each of two filters");
    adds_up(world.stats());
    let world = world.crash().await;
    let alice = world.device("alice").await;
    publish_all(&alice, "t/1", 300..400, 1).await;
    for name in ["bob", "carol", "dave"] {
        let device = world.connect(name, durable()).await;
        assert!(device.opened.session_present);
        assert_eq!(device.all_texts().await, numbers(0..400), "{name}");
        device.close(true).await;
    }
    adds_up(world.stats());
    assert_eq!(world.stats().waiting.get(), 0);
    world.tidy().await;
    assert_eq!(world.store.log.messages.lock().len(), 1, "the latest tells the numbers");
}

#[tokio::test]
async fn an_acknowledged_message_is_not_owed_after_a_crash() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    publish_all(&alice, "t", 0..10, 1).await;
    let taken = bob.take(4);
    for delivery in &taken[..3] {
        bob.opened.outlet.acked(delivery.ticket.unwrap());
    }
    world.tidy().await;
    assert_eq!(world.store.log.messages.lock().len(), 7);
    let world = world.crash().await;
    let bob = world.connect("bob", durable()).await;
    assert_eq!(bob.all_texts().await, numbers(3..10));
}

#[tokio::test]
async fn a_connected_session_that_is_slow_reads_the_rest_from_the_log() {
    let world =
        World::new(RouteSettings { publisher_wait: std::time::Duration::ZERO, ..RouteSettings::default() }).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    publish_all(&alice, "t", 0..500, 1).await;
    assert_eq!(bob.all_texts().await, numbers(0..500));
    publish_all(&alice, "t", 500..510, 1).await;
    assert_eq!(bob.all_texts().await, numbers(500..510), "it has caught up");
    adds_up(world.stats());
}

#[tokio::test]
async fn the_oldest_are_dropped_when_more_wait_than_may() {
    let world = World::new(RouteSettings { queue_messages: 50, ..RouteSettings::default() }).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    bob.close(true).await;
    publish_all(&alice, "t", 0..200, 1).await;
    assert_eq!(world.stats().dropped(Dropped::QueueFull), 150);
    let world = world.crash().await;
    let alice = world.device("alice").await;
    publish_all(&alice, "t", 200..210, 1).await;
    adds_up(world.stats());
    let bob = world.connect("bob", durable()).await;
    assert_eq!(bob.all_texts().await, numbers(160..210));
    adds_up(world.stats());
}

#[tokio::test]
async fn the_log_does_not_keep_for_long_what_was_dropped_for_who_is_away() {
    let world = World::new(RouteSettings { queue_messages: 50, ..RouteSettings::default() }).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    bob.close(true).await;
    publish_all(&alice, "t", 0..5_000, 1).await;
    world.router.pass_over().await.unwrap();
    world.tidy().await;
    assert_eq!(world.store.log.messages.lock().len(), 5_000 - 4_096);
    adds_up(world.stats());
    let world = world.crash().await;
    world.tidy().await;
    assert_eq!(world.store.log.messages.lock().len(), 51, "as many as may wait, and one");
    let bob = world.connect("bob", durable()).await;
    assert_eq!(bob.all_texts().await, numbers(4_950..5_000));
    adds_up(world.stats());
}

#[tokio::test]
async fn what_was_dropped_may_be_gone_by_its_age_when_it_is_passed_over() {
    let world = World::new(RouteSettings { queue_messages: 50, ..RouteSettings::default() }).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    bob.close(true).await;
    publish_all(&alice, "t", 0..200, 1).await;
    for (number, logged) in world.store.log.messages.lock().iter_mut() {
        if *number <= 100 {
            logged.ts = 0;
        }
    }
    world.tidy().await;
    assert_eq!(world.store.log.messages.lock().len(), 100);
    let bob = world.connect("bob", durable()).await;
    assert_eq!(bob.all_texts().await, numbers(150..200));
    assert_eq!(world.stats().dropped(Dropped::QueueAge), 0);
    adds_up(world.stats());
}

#[tokio::test]
async fn what_has_waited_too_long_is_dropped_and_counted() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    bob.close(true).await;
    publish_all(&alice, "t", 0..5, 1).await;
    let week = 7 * 24 * 3_600 * 1_000;
    for session in world.store.log.messages.lock().values_mut() {
        session.ts -= week;
    }
    publish_all(&alice, "t", 5..7, 1).await;
    world.pass(1).await;
    world.tidy().await;
    let bob = world.connect("bob", durable()).await;
    assert_eq!(bob.all_texts().await, numbers(5..7));
    assert_eq!(world.stats().dropped(Dropped::QueueAge), 5);
    adds_up(world.stats());
}

#[tokio::test]
async fn a_publish_that_cannot_be_stored_is_refused_and_reaches_nobody() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    world.store.log.is_full.store(true, Relaxed);
    let fate = alice.publish("t", "lost", 1);
    while fate.refused().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(bob.all_texts().await.is_empty());
    world.store.log.is_full.store(false, Relaxed);
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    publish_all(&alice, "t", 1..2, 1).await;
    assert_eq!(bob.all_texts().await, ["1"]);
    adds_up(world.stats());
}

#[tokio::test]
async fn a_qos_2_publish_that_was_refused_may_come_again() {
    let world = World::new(RouteSettings::default()).await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 2).await;
    let alice = world.connect("alice", durable()).await;
    let publish = || {
        alice.publish_with("t", "once", 2, |publish| {
            publish.guarantee = Guarantee::ExactlyOnce { packet_id: 1, uses: 0 };
        })
    };
    world.store.log.is_full.store(true, Relaxed);
    let (fate, repeated) = (publish(), publish());
    while fate.refused().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(repeated.is_unknown(), "nobody is told that something is done which waits to be stored");
    world.store.log.is_full.store(false, Relaxed);
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    publish().durable().await;
    publish().durable().await;
    assert_eq!(bob.all_texts().await, ["once"]);
    adds_up(world.stats());
}

#[tokio::test]
async fn more_than_may_wait_to_be_stored_is_refused() {
    let world = World::new(RouteSettings { unstored_bytes: 100, ..RouteSettings::default() }).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    let fates: Vec<_> = (0..4).map(|_| alice.publish("t", &"x".repeat(60), 1)).collect();
    assert_eq!(fates[3].refused(), Some(longwave_model::ErrorCode::Overloaded));
    world.settle().await;
    alice.publish("t", "x", 1).durable().await;
    assert_eq!(bob.all_texts().await.len(), 3);
}

#[tokio::test]
async fn a_shared_subscription_is_done_with_what_ended_with_its_member() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let mut one = world.connect("one", durable()).await;
    one.subscribe("$share/group/t", 2).await;
    let two = world.connect("two", durable()).await;
    two.subscribe("$share/group/t", 2).await;
    two.close(true).await;
    publish_all(&alice, "t", 0..2, 2).await;
    let taken = one.take(2);
    let sent = one.sent(&taken);
    one.close_with(false, sent).await;
    // Clean start: what was sent to it at QoS 2 goes to nobody else.
    world.device("one").await;
    let two = world.connect("two", durable()).await;
    assert!(two.all_texts().await.is_empty());
    world.tidy().await;
    assert!(world.store.log.references.lock().is_empty());
    adds_up(world.stats());
}

#[tokio::test]
async fn exactly_once_from_the_log_keeps_its_packet_ids_across_a_crash() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 2).await;
    publish_all(&alice, "t", 0..4, 2).await;
    let taken = bob.take(3);
    let ids: Vec<_> = taken.iter().map(|delivery| delivery.packet_id.unwrap()).collect();
    // The device has the first and the second, whose PUBCOMP came; the third may be on its way.
    bob.opened.outlet.received(taken[0].ticket.unwrap());
    bob.opened.outlet.received(taken[1].ticket.unwrap());
    world.settle().await;
    let released = bob.take(0);
    assert_eq!(released.iter().map(|delivery| delivery.ticket).collect::<Vec<_>>(), [taken[0].ticket, taken[1].ticket]);
    assert!(released.iter().all(|delivery| delivery.released));
    bob.opened.outlet.acked(taken[1].ticket.unwrap());
    world.tidy().await;
    let world = world.crash().await;
    let bob = world.connect("bob", durable()).await;
    bob.take(10);
    world.settle().await;
    let again = bob.take(10);
    let seen: Vec<_> = again
        .iter()
        .map(|delivery| (&delivery.payload[..], delivery.resend.map(|resend| resend.0), delivery.released))
        .collect();
    assert_eq!(
        seen,
        [
            (&b"0"[..], Some(ids[0]), true),
            (&b"1"[..], Some(ids[1]), true),
            (&b"2"[..], Some(ids[2]), false),
            (&b"3"[..], again[3].packet_id, false)
        ]
    );
}

#[tokio::test]
async fn a_qos_2_publish_that_comes_again_after_a_crash_is_not_routed_again() {
    let world = World::new(RouteSettings::default()).await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 2).await;
    bob.close(true).await;
    let alice = world.connect("alice", durable()).await;
    publish_all(&alice, "t", 7..8, 2).await;
    let world = world.crash().await;
    let alice = world.connect("alice", durable()).await;
    publish_all(&alice, "t", 7..8, 2).await;
    alice.opened.outlet.released(1, 8).await.unwrap();
    publish_all(&alice, "t", 8..9, 2).await;
    let bob = world.connect("bob", durable()).await;
    assert_eq!(bob.all_texts().await, ["7", "8"]);
}

#[tokio::test]
async fn a_session_gets_nothing_from_before_its_subscription() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    bob.close(true).await;
    publish_all(&alice, "t", 0..3, 1).await;
    let carol = world.connect("carol", durable()).await;
    carol.subscribe("t", 1).await;
    carol.close(true).await;
    publish_all(&alice, "t", 3..5, 1).await;
    let world = world.crash().await;
    let carol = world.connect("carol", durable()).await;
    assert_eq!(carol.all_texts().await, numbers(3..5));
    carol.opened.outlet.unsubscribe(vec!["t".to_owned()]).await.unwrap();
    world.settle().await;
    let alice = world.device("alice").await;
    publish_all(&alice, "t", 5..6, 1).await;
    assert!(carol.all_texts().await.is_empty());
}

#[tokio::test]
async fn a_session_that_ends_leaves_nothing_in_the_store() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 2).await;
    bob.close(true).await;
    publish_all(&alice, "t", 0..3, 2).await;
    // Clean start.
    let bob = world.device("bob").await;
    world.settle().await;
    assert!(bob.all_texts().await.is_empty());
    bob.close(true).await;
    alice.close(true).await;
    world.settle().await;
    world.tidy().await;
    assert_eq!(*world.store.log.facts.lock(), []);
    assert_eq!(world.store.log.messages.lock().len(), 1);
    assert_eq!(world.stats().dropped(Dropped::SessionEnded), 3);
    adds_up(world.stats());
}

#[tokio::test]
async fn a_shared_subscription_waits_in_the_log_for_whoever_comes_first() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    for name in ["one", "two"] {
        let member = world.connect(name, durable()).await;
        member.subscribe("$share/group/t", 1).await;
        member.close(true).await;
    }
    publish_all(&alice, "t", 0..300, 1).await;
    adds_up(world.stats());
    let world = world.crash().await;
    let alice = world.device("alice").await;
    publish_all(&alice, "t", 300..310, 1).await;
    let two = world.connect("two", durable()).await;
    two.take(0);
    world.settle().await;
    // Taken by one that goes away, and then by the other.
    let mut two = two;
    let taken = two.take(5);
    assert_eq!(taken.len(), 5);
    let sent = two.sent(&taken);
    two.opened.outlet.acked(sent[0].1);
    two.close_with(false, sent[1..].to_vec()).await;
    let one = world.connect("one", durable()).await;
    let mut texts = one.all_texts().await;
    texts.sort_by_key(|text| text.parse::<u32>().unwrap());
    assert_eq!(texts, numbers(1..310));
    adds_up(world.stats());
    assert_eq!(world.stats().waiting.get(), 0);
    world.tidy().await;
    assert!(world.store.log.references.lock().is_empty());
}
