//! The bus: what is sent to a node arrives there, in order, and nowhere else.

use bytes::Bytes;
use longwave_persistence::redis::{BusEvent, RedisConfig};

use crate::engine::{connect, next, node, on_each_topology, until};

on_each_topology!(messages_arrive_in_order_at_their_node, a_receiver_that_is_dropped_hears_no_more);

async fn messages_arrive_in_order_at_their_node(config: RedisConfig) {
    let redis = connect(&config).await;
    let names: Vec<_> = (0..6).map(|number| node(&format!("n{number}"))).collect();
    assert_eq!(redis.publish(vec![(names[0].clone(), Bytes::from_static(b"early"))]).await.unwrap(), [0]);
    let mut receivers: Vec<_> = names.iter().map(|name| redis.subscribe(name)).collect();
    for receiver in &mut receivers {
        assert_eq!(next(receiver).await, BusEvent::Subscribed);
    }
    // To all nodes, which a cluster has on different masters, with bytes that are no text.
    let message = |number: u16| Bytes::from([&[0, 255, b'\r', b'\n'][..], &number.to_be_bytes()].concat());
    let messages = (0..600).map(|number| (names[usize::from(number) % 6].clone(), message(number))).collect();
    assert_eq!(redis.publish(messages).await.unwrap(), [1; 600]);
    for number in 0..600 {
        let event = next(&mut receivers[usize::from(number) % 6]).await;
        assert_eq!(event, BusEvent::Message(message(number)));
    }
    let large = Bytes::from(vec![7; 300_000]);
    redis.publish(vec![(names[1].clone(), large.clone())]).await.unwrap();
    assert_eq!(next(&mut receivers[1]).await, BusEvent::Message(large));
}

async fn a_receiver_that_is_dropped_hears_no_more(config: RedisConfig) {
    let redis = connect(&config).await;
    let mut receiver = redis.subscribe(&node("n1"));
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    drop(receiver);
    until("the server knows that nobody listens", async || {
        redis.publish(vec![(node("n1"), Bytes::from_static(b"hello"))]).await.unwrap() == [0]
    })
    .await;
}
