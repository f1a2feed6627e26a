//! Presence: who is where, for how long, and who wins.

use std::time::Duration;

use longwave_persistence::redis::{Holder, RedisConfig};

use crate::engine::{connect, node, on_each_topology, session, until, user};

on_each_topology!(
    devices_are_found_by_their_users,
    what_is_not_refreshed_expires,
    what_is_refreshed_stays,
    the_later_node_has_the_device,
    thousands_go_in_one_call,
);

async fn devices_are_found_by_their_users(config: RedisConfig) {
    let redis = connect(&config).await;
    let (one, other) = (node("n1"), node("n2"));
    // Devices may have names with spaces and any other letters.
    let sessions = [session("alice", "phone"), session("alice", "my tablet: é")];
    assert_eq!(redis.register(&one, &sessions).await.unwrap(), [Holder::Missing, Holder::Missing]);
    redis.register(&other, &[session("alice", "laptop"), session("bob", "phone")]).await.unwrap();
    let found = redis.nodes_of(&[user("bob"), user("carol"), user("alice")]).await.unwrap();
    assert_eq!((found[0].as_slice(), found[1].as_slice()), ([other.clone()].as_slice(), [].as_slice()));
    let mut alice = found[2].to_vec();
    alice.sort();
    assert_eq!(alice, [one.clone(), other.clone()], "each node once");
    let tablet = &sessions[1];
    assert_eq!(redis.node_of_device(&tablet.0, &tablet.1).await.unwrap(), Some(one.clone()));
    assert_eq!(redis.node_of_device(&user("bob"), &tablet.1).await.unwrap(), None);

    redis.unregister(&one, &sessions).await.unwrap();
    assert_eq!(redis.nodes_of(&[user("alice")]).await.unwrap()[0].as_slice(), [other]);
    assert_eq!(redis.refresh(&one, &sessions[..1]).await.unwrap(), [Holder::Missing]);
}

async fn what_is_not_refreshed_expires(config: RedisConfig) {
    let redis = connect(&RedisConfig { presence_life_time: Duration::from_secs(1), ..config.clone() }).await;
    let lasting = connect(&config).await;
    let (one, phone) = (node("n1"), session("alice", "phone"));
    redis.register(&one, std::slice::from_ref(&phone)).await.unwrap();
    // Another device of the same user keeps the key alive; the dead one is not shown all the same.
    lasting.register(&node("n2"), &[session("alice", "laptop")]).await.unwrap();
    until("the phone expires", async || redis.node_of_device(&phone.0, &phone.1).await.unwrap().is_none()).await;
    assert_eq!(redis.nodes_of(&[user("alice")]).await.unwrap()[0].as_slice(), [node("n2")]);
    assert_eq!(redis.refresh(&one, std::slice::from_ref(&phone)).await.unwrap(), [Holder::Missing]);
}

async fn what_is_refreshed_stays(config: RedisConfig) {
    let redis = connect(&RedisConfig { presence_life_time: Duration::from_secs(3), ..config }).await;
    let (one, phone) = (node("n1"), [session("alice", "phone")]);
    redis.register(&one, &phone).await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(redis.refresh(&one, &phone).await.unwrap(), [Holder::Here]);
    }
}

async fn the_later_node_has_the_device(config: RedisConfig) {
    let redis = connect(&config).await;
    let (earlier, later) = (node("n1"), node("n2"));
    let phone = [session("alice", "phone")];
    redis.register(&earlier, &phone).await.unwrap();
    assert_eq!(redis.register(&later, &phone).await.unwrap(), [Holder::Elsewhere(earlier.clone())]);
    redis.unregister(&earlier, &phone).await.unwrap();
    assert_eq!(redis.node_of_device(&phone[0].0, &phone[0].1).await.unwrap(), Some(later.clone()));
    assert_eq!(redis.refresh(&earlier, &phone).await.unwrap(), [Holder::Elsewhere(later.clone())]);
    assert_eq!(redis.nodes_of(&[user("alice")]).await.unwrap()[0].as_slice(), std::slice::from_ref(&later));
    assert_eq!(redis.register(&later, &phone).await.unwrap(), [Holder::Here]);
}

async fn thousands_go_in_one_call(config: RedisConfig) {
    let redis = connect(&config).await;
    let sessions: Vec<_> = (0..5000).map(|number| session(&format!("u{number}"), "phone")).collect();
    let users: Vec<_> = sessions.iter().map(|(user, _)| user.clone()).collect();
    let (odd, even) = (node("odd"), node("even"));
    let before = redis.stats().requests;
    assert!(redis.register(&even, &sessions).await.unwrap().iter().all(Holder::is_missing));
    assert_eq!(redis.stats().requests, before + 2, "two round trips");
    let every_second: Vec<_> = sessions.iter().skip(1).step_by(2).cloned().collect();
    redis.register(&odd, &every_second).await.unwrap();
    let found = redis.nodes_of(&users).await.unwrap();
    let right = |number: usize| if number.is_multiple_of(2) { &even } else { &odd };
    assert!(found.iter().enumerate().all(|(number, nodes)| nodes.as_slice() == [right(number).clone()]));
    assert!(redis.register(&odd, &[]).await.unwrap().is_empty());
}
