//! Interest of nodes in channels.

use std::time::Duration;

use longwave_persistence::redis::RedisConfig;

use crate::engine::{connect, conversation, node, on_each_topology, until};

on_each_topology!(nodes_are_found_by_channel, interest_expires);

async fn nodes_are_found_by_channel(config: RedisConfig) {
    let redis = connect(&config).await;
    let channels = [conversation("news"), conversation("sports"), conversation("empty")];
    assert_eq!(redis.register_interest(&node("n1"), &channels[..2]).await.unwrap(), [true, true]);
    assert_eq!(redis.register_interest(&node("n2"), &channels[..1]).await.unwrap(), [true]);
    assert_eq!(redis.register_interest(&node("n1"), &channels[..1]).await.unwrap(), [false]);
    let found = redis.interested(&channels).await.unwrap();
    let mut news = found[0].to_vec();
    news.sort();
    assert_eq!(news, [node("n1"), node("n2")]);
    assert_eq!((found[1].as_slice(), found[2].len()), ([node("n1")].as_slice(), 0));
    redis.unregister_interest(&node("n1"), &channels).await.unwrap();
    assert_eq!(redis.interested(&channels).await.unwrap()[0].as_slice(), [node("n2")]);
}

async fn interest_expires(config: RedisConfig) {
    let redis = connect(&RedisConfig { presence_life_time: Duration::from_secs(1), ..config }).await;
    let news = [conversation("news")];
    redis.register_interest(&node("n1"), &news).await.unwrap();
    until("interest expires", async || redis.interested(&news).await.unwrap()[0].is_empty()).await;
    assert_eq!(redis.register_interest(&node("n1"), &news).await.unwrap(), [true]);
}
