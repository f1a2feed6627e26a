//! What a device gets that was away.

use longwave_port::Resend;

use crate::device::{Connect, DURABLE, Device, numbered};
use crate::world::{START, Wake, World};

async fn say_many(world: &World, count: usize) {
    for number in 1..=count {
        world.say("alice:bob", "alice", &format!("m {number}")).await;
    }
}

#[tokio::test]
async fn a_device_that_was_away_gets_everything_in_order_without_subscribing_again() {
    let world = World::new().await;
    Device::listening(&world, "bob", "phone", DURABLE).await.close(&world).await;
    say_many(&world, 100).await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert!(phone.opened.session_present);
    assert_eq!(phone.receive(100).await, numbered("m", 1..=100));
    phone.close(&world).await;
    world.say("alice:bob", "alice", "later").await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert_eq!(phone.receive(1).await, ["later"]);
    phone.expect_silence().await;
}

#[tokio::test]
async fn live_entries_behind_a_backlog_keep_their_order() {
    let world = World::new().await;
    Device::listening(&world, "bob", "phone", DURABLE).await.close(&world).await;
    say_many(&world, 60).await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    phone.window = 4;
    for number in 61..=120 {
        world.say("alice:bob", "alice", &format!("m {number}")).await;
    }
    assert_eq!(phone.receive(120).await, numbered("m", 1..=120));
}

#[tokio::test]
async fn several_conversations_take_turns() {
    let world = World::new().await;
    Device::listening(&world, "bob", "phone", DURABLE).await.close(&world).await;
    for number in 1..=40 {
        world.say("alice:bob", "alice", &format!("a {number}")).await;
        world.say("bob:carol", "carol", &format!("c {number}")).await;
    }
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    phone.window = 4;
    let all = phone.receive(80).await;
    for prefix in ["a", "c"] {
        let of_one: Vec<String> = all.iter().filter(|text| text.starts_with(prefix)).cloned().collect();
        assert_eq!(of_one, numbered(prefix, 1..=40));
    }
    let first_c = all.iter().position(|text| text.starts_with('c')).unwrap();
    let first_a = all.iter().position(|text| text.starts_with('a')).unwrap();
    assert!(first_a.max(first_c) < 40, "one conversation waited for the other to end: {all:?}");
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_with_its_packet_id_before_anything_new() {
    let world = World::new().await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    say_many(&world, 3).await;
    phone.wait(3).await;
    let kept: Vec<u16> = phone.in_flight.iter().map(|(packet_id, _)| *packet_id).collect();
    phone.ack(1);
    phone.close(&world).await;
    world.say("alice:bob", "alice", "m 4").await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    let again = phone.wait(3).await;
    let seen: Vec<_> = again.iter().map(|delivery| (delivery.payload.as_ref(), delivery.resend)).collect();
    assert_eq!(
        seen,
        [(&b"m 1"[..], Some(Resend(kept[0]))), (&b"m 3"[..], Some(Resend(kept[2]))), (&b"m 4"[..], None),]
    );
    phone.ack_all();
    phone.close(&world).await;
    Device::connect(&world, "bob", "phone", DURABLE).await.expect_silence().await;
}

#[tokio::test]
async fn what_a_connection_did_not_get_to_resend_is_resent_by_the_next() {
    let world = World::new().await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    say_many(&world, 3).await;
    phone.wait(3).await;
    phone.close(&world).await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    phone.window = 1;
    assert_eq!(phone.wait(1).await[0].payload.as_ref(), b"m 1");
    phone.close(&world).await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    let again = phone.wait(3).await;
    assert!(again.iter().all(|delivery| delivery.resend.is_some()));
    assert_eq!(again.iter().map(|d| d.payload.as_ref()).collect::<Vec<_>>(), [b"m 1", b"m 2", b"m 3"]);
}

#[tokio::test]
async fn after_a_crash_what_was_acknowledged_and_written_does_not_come_again() {
    let world = World::new().await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    say_many(&world, 5).await;
    phone.wait(5).await;
    phone.ack(0);
    phone.ack(0);
    world.hub.shutdown().await.unwrap();
    drop(phone);
    let world = world.crash().await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    assert!(phone.opened.session_present);
    assert_eq!(phone.receive(3).await, numbered("m", 3..=5));
}

#[tokio::test]
async fn what_retention_took_is_told_as_a_gap_and_its_acknowledgement_counts() {
    let world = World::new().await;
    let phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    phone.subscribe("u/bob/c/+/json", 1).await;
    phone.close(&world).await;
    say_many(&world, 20).await;
    world.pass(7200);
    world.keep_only(5).await;
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    let all = phone.receive(6).await;
    assert!(all[0].contains(r#""type":"gap""#), "{}", all[0]);
    // Seq 1 is the creation; 21 entries, the last 5 are kept.
    assert!(all[0].contains("1") && all[0].contains("16"), "{}", all[0]);
    assert!(all[1].contains(r#""body":"m 16""#), "{}", all[1]);
    phone.close(&world).await;
    Device::connect(&world, "bob", "phone", DURABLE).await.expect_silence().await;
}

#[tokio::test]
async fn expired_messages_are_passed_over_and_others_say_how_long_they_last() {
    let world = World::new().await;
    Device::listening(&world, "bob", "phone", DURABLE).await.close(&world).await;
    world.send("alice:bob", "alice", "laptop", "short", Some(START + 10_000), Wake::Arrives).await;
    world.send("alice:bob", "alice", "laptop", "long", Some(START + 100_000), Wake::Arrives).await;
    world.pass(60);
    let mut phone = Device::connect(&world, "bob", "phone", DURABLE).await;
    let all = phone.wait(1).await;
    assert_eq!(all[0].payload.as_ref(), b"long");
    assert_eq!(all[0].properties.as_ref().unwrap().expiry_seconds, Some(40));
    phone.ack_all();
    phone.close(&world).await;
    Device::connect(&world, "bob", "phone", DURABLE).await.expect_silence().await;
}

#[tokio::test]
async fn a_lost_wake_up_is_made_good_by_the_comparison_and_by_the_next_entry() {
    let world = World::new().await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    world.say("alice:bob", "alice", "m 1").await;
    world.send("alice:bob", "alice", "laptop", "m 2", None, Wake::Lost).await;
    world.say("alice:bob", "alice", "m 3").await;
    assert_eq!(phone.receive(3).await, numbered("m", 1..=3));
    world.send("alice:bob", "alice", "laptop", "m 4", None, Wake::Lost).await;
    phone.expect_silence().await;
    world.hub.compare_all().await;
    assert_eq!(phone.receive(1).await, ["m 4"]);
}

#[tokio::test]
async fn a_slow_device_holds_no_more_than_a_page() {
    let world = World::new().await;
    let mut phone = Device::listening(&world, "bob", "phone", DURABLE).await;
    phone.window = 0;
    say_many(&world, 200).await;
    phone.expect_silence().await;
    let pages = world.hub.stats().pages.load(std::sync::atomic::Ordering::Relaxed);
    assert!(pages <= 2, "{pages} pages were read for a device that takes nothing");
    phone.window = 32;
    assert_eq!(phone.receive(200).await, numbered("m", 1..=200));
}

#[tokio::test]
async fn a_session_that_has_expired_starts_anew_where_its_user_stands() {
    let world = World::new().await;
    let brief = Connect { expiry_seconds: 60, ..DURABLE };
    let mut phone = Device::listening(&world, "bob", "phone", brief).await;
    say_many(&world, 3).await;
    phone.receive(3).await;
    phone.close(&world).await;
    world.say("alice:bob", "alice", "m 4").await;
    world.pass(61);
    let mut phone = Device::listening(&world, "bob", "phone", brief).await;
    assert!(!phone.opened.session_present);
    assert_eq!(phone.receive(1).await, ["m 4"]);
}
