//! `$SYS/`.

use longwave_model::ErrorCode;
use longwave_port::Subscription;

use super::super::{Dropped, RouteSettings};
use super::world::{Device, World, durable};

fn tell(world: &World, value: &str) {
    world.router.tell([("$SYS/broker/uptime".to_owned(), value.to_owned())]);
}

fn filter(filter: &str) -> Subscription {
    Subscription {
        filter: filter.into(),
        qos: 1,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
        identifier: None,
    }
}

async fn ask(device: &Device, name: &str) -> Result<u8, ErrorCode> {
    device.opened.outlet.subscribe(vec![filter(name)]).await.unwrap().remove(0).map_err(|refusal| refusal.code)
}

#[tokio::test]
async fn an_administrator_gets_the_present_values_at_once_and_then_what_changes() {
    let world = World::new(RouteSettings::default()).await;
    tell(&world, "10");
    let admin = world.device("admin").await;
    assert_eq!(ask(&admin, "$SYS/#").await, Ok(0));
    let first = admin.take(10).remove(0);
    assert_eq!((&*first.topic, &first.payload[..], first.retain), ("$SYS/broker/uptime", &b"10"[..], true));
    tell(&world, "10");
    assert!(admin.take(10).is_empty());
    tell(&world, "20");
    let next = admin.take(10).remove(0);
    assert_eq!((&next.payload[..], next.retain), (&b"20"[..], false));
}

#[tokio::test]
async fn nobody_else_reads_it_and_nobody_writes_it() {
    let world = World::new(RouteSettings::default()).await;
    let (alice, admin) = (world.device("alice").await, world.device("admin").await);
    for name in ["$SYS/#", "$SYS", "$SYS/broker/+", "$share/g/$SYS/#"] {
        assert_eq!(ask(&alice, name).await, Err(ErrorCode::NotYourTopic), "{name}");
    }
    for device in [&alice, &admin] {
        assert_eq!(device.publish("$SYS/broker/uptime", "0", 1).refused(), Some(ErrorCode::NotYourTopic));
        let retained = device.publish_with("$SYS/broker/uptime", "0", 1, |publish| publish.retain = true);
        assert_eq!(retained.refused(), Some(ErrorCode::NotYourTopic));
    }
}

#[tokio::test]
async fn wildcards_do_not_reach_it() {
    let world = World::new(RouteSettings::default()).await;
    tell(&world, "10");
    let admin = world.device("admin").await;
    for name in ["#", "+/broker/uptime", "+/+/+"] {
        assert_eq!(ask(&admin, name).await, Ok(1), "{name}");
    }
    tell(&world, "20");
    assert!(admin.take(10).is_empty());
}

#[tokio::test]
async fn who_is_away_is_not_dropped_anything() {
    let world = World::new(RouteSettings::default()).await;
    let admin = world.connect("admin", durable()).await;
    assert_eq!(ask(&admin, "$SYS/#").await, Ok(0));
    assert_eq!(world.router.sessions_away(), 0);
    admin.close(true).await;
    assert_eq!(world.router.sessions_away(), 1);
    tell(&world, "10");
    tell(&world, "20");
    assert_eq!(world.stats().received.get(), 0);
    assert!(Dropped::ALL.into_iter().all(|why| world.stats().dropped(why) == 0));
}
