//! Shared subscriptions.

use super::super::{RouteSettings, SharedStrategy};
use super::world::{Device, World};

async fn members(world: &World) -> Vec<Device> {
    let mut members = Vec::new();
    for name in ["one", "two", "three"] {
        let member = world.device(name).await;
        member.subscribe("$share/workers/jobs/+", 1).await;
        members.push(member);
    }
    members
}

fn strategy(shared: SharedStrategy) -> RouteSettings {
    RouteSettings { shared, ..RouteSettings::default() }
}

#[tokio::test]
async fn each_message_goes_to_the_one_with_the_least_to_do() {
    let world = World::new(strategy(SharedStrategy::LeastInFlight)).await;
    let members = members(&world).await;
    let boss = world.device("boss").await;
    for number in 0..30 {
        boss.publish("jobs/new", &number.to_string(), 1);
    }
    for member in &members {
        assert_eq!(member.texts().len(), 10);
    }
}

#[tokio::test]
async fn sticky_means_the_same_member_for_all_of_a_client() {
    let world = World::new(strategy(SharedStrategy::StickyByClient)).await;
    let members = members(&world).await;
    let mut all = 0;
    for name in ["a", "b", "c", "d", "e", "f"] {
        let boss = world.device(name).await;
        for number in 0..10 {
            boss.publish("jobs/new", &number.to_string(), 1);
        }
        let counts: Vec<_> = members.iter().map(|member| member.texts().len()).collect();
        assert_eq!(counts.iter().filter(|count| **count > 0).count(), 1, "{counts:?}");
        all += counts.iter().sum::<usize>();
    }
    assert_eq!(all, 60);
}

#[tokio::test]
async fn at_random_nothing_is_lost_or_doubled() {
    let world = World::new(strategy(SharedStrategy::Random)).await;
    let members = members(&world).await;
    let boss = world.device("boss").await;
    for number in 0..60 {
        boss.publish("jobs/new", &number.to_string(), 1);
    }
    let mut all: Vec<usize> = members.iter().flat_map(Device::texts).map(|text| text.parse().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_dead_member_did_not_acknowledge_goes_to_another() {
    let world = World::new(strategy(SharedStrategy::LeastInFlight)).await;
    let mut members = members(&world).await;
    let boss = world.device("boss").await;
    for number in 0..30 {
        boss.publish("jobs/new", &number.to_string(), 1);
    }
    // It has acknowledged one, has two in flight, and the rest waits for it.
    let mut dead = members.pop().unwrap();
    let taken = dead.take(3);
    let sent = dead.sent(&taken);
    dead.opened.outlet.acked(sent[0].1);
    dead.close_with(false, sent[1..].to_vec()).await;
    let left: usize = members.iter().map(|member| member.texts().len()).sum();
    assert_eq!(left, 29);
    assert_eq!(world.stats().waiting.get(), 0);
    assert_eq!(world.stats().copies.get(), world.stats().delivered.get());
}

#[tokio::test]
async fn what_was_sent_at_qos_2_goes_to_nobody_else() {
    let world = World::new(RouteSettings::default()).await;
    let boss = world.device("boss").await;
    let mut dead = world.device("dead").await;
    dead.subscribe("$share/g/t", 2).await;
    boss.publish("t", "x", 2);
    let taken = dead.take(1);
    let sent = dead.sent(&taken);
    let other = world.device("other").await;
    other.subscribe("$share/g/t", 2).await;
    dead.close_with(false, sent).await;
    assert!(other.texts().is_empty());
}

#[tokio::test]
async fn groups_of_different_names_each_get_everything() {
    let world = World::new(RouteSettings::default()).await;
    let boss = world.device("boss").await;
    let bob = world.device("bob").await;
    bob.subscribe("$share/a/t", 1).await;
    bob.subscribe("$share/b/t", 1).await;
    bob.subscribe("t", 1).await;
    boss.publish("t", "x", 1);
    assert_eq!(bob.texts(), ["x", "x", "x"]);
}
