//! Sessions that outlive their connections.

use longwave_port::Guarantee;

use super::super::RouteSettings;
use super::world::{World, durable};

#[tokio::test]
async fn what_came_above_qos_0_waits_for_a_durable_session() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 2).await;
    bob.close(true).await;
    for qos in 0..3 {
        alice.publish("t", &format!("qos {qos}"), qos).durable().await;
    }
    let bob = world.connect("bob", durable()).await;
    assert!(bob.opened.session_present);
    assert_eq!(bob.all_texts().await, ["qos 1", "qos 2"]);
}

#[tokio::test]
async fn what_was_in_flight_is_sent_again_with_its_packet_id() {
    let world = World::new(RouteSettings::default()).await;
    let alice = world.device("alice").await;
    let mut bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 2).await;
    for number in 0..4_u32 {
        let fate = alice.publish_with("t", &number.to_string(), 2, |publish| {
            publish.guarantee = Guarantee::ExactlyOnce { packet_id: 1, uses: number };
        });
        fate.durable().await;
    }
    let taken = bob.take(3);
    let sent = bob.sent(&taken);
    bob.opened.outlet.received(sent[1].1);
    world.settle().await;
    bob.opened.outlet.acked(sent[0].1);
    bob.close_with(false, sent[1..].to_vec()).await;
    let bob = world.connect("bob", durable()).await;
    let mut again = bob.take(10);
    world.settle().await;
    again.extend(bob.take(10));
    let seen: Vec<_> = again
        .iter()
        .map(|delivery| (&delivery.payload[..], delivery.resend.map(|resend| resend.0), delivery.released))
        .collect();
    assert_eq!(seen, [(&b"1"[..], Some(2), true), (&b"2"[..], Some(3), false), (&b"3"[..], None, false)]);
}

#[tokio::test]
async fn a_qos_2_publish_is_routed_once_however_often_it_comes() {
    let world = World::new(RouteSettings::default()).await;
    let bob = world.device("bob").await;
    bob.subscribe("t", 2).await;
    for (packet_id, uses, released) in [(1, 0, false), (1, 0, true), (1, 1, false), (2, 0, false)] {
        let alice = world.connect("alice", durable()).await;
        let publish = || {
            alice.publish_with("t", &format!("{packet_id} {uses}"), 2, |publish| {
                publish.guarantee = Guarantee::ExactlyOnce { packet_id, uses };
            })
        };
        assert!(publish().is_done() && publish().is_done());
        if released {
            alice.opened.outlet.released(packet_id, uses + 1).await.unwrap();
        }
        alice.close(true).await;
    }
    assert_eq!(bob.texts(), ["1 0", "1 1", "2 0"]);
}

#[tokio::test]
async fn a_session_ends_with_its_expiry() {
    let world = World::new(RouteSettings::default()).await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    bob.close(true).await;
    world.pass(3_599_000).await;
    assert_eq!(world.stats().subscriptions.get(), 1);
    world.pass(1_000).await;
    assert_eq!((world.stats().subscriptions.get(), world.stats().subscribers.get()), (0, 0));
    assert!(world.router.index.read().is_empty() && world.router.subscribers.lock().is_empty());
}

#[tokio::test]
async fn a_session_that_is_resumed_after_a_crash_has_its_subscriptions() {
    let world = World::new(RouteSettings::default()).await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("t", 1).await;
    let world = world.crash().await;
    let bob = world.connect("bob", durable()).await;
    let alice = world.device("alice").await;
    alice.publish("t", "x", 1).durable().await;
    assert_eq!(bob.texts(), ["x"]);
}

#[tokio::test]
async fn a_subscription_that_is_not_allowed_any_more_is_not_resumed() {
    let world = World::new(RouteSettings::default()).await;
    let bob = world.connect("bob", durable()).await;
    bob.subscribe("plant/a", 1).await;
    bob.subscribe("t", 1).await;
    let world = world.restart("plant").await;
    let _bob = world.connect("bob", durable()).await;
    assert_eq!(world.stats().subscriptions.get(), 1);
}

#[tokio::test]
async fn who_uses_no_plain_topic_costs_nothing_here() {
    let world = World::new(RouteSettings::default()).await;
    let bob = world.device("bob").await;
    let alice = world.device("alice").await;
    alice.publish("t", "x", 1);
    bob.subscribe("u/bob/c/+/raw", 1).await;
    assert_eq!(world.stats().subscribers.get(), 0);
}
