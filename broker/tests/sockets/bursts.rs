//! Many at once: receipts and deliveries under load stay in order, answers may come from any thread, and limits hold.

use std::time::Duration;

use longwave_broker::codec::packet::{Packet, Version};
use longwave_broker::limits::Limits;

use crate::rig::{Behaviour, Client, Server, connect_packet, publish_packet};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_leave_in_order_although_answers_come_from_other_threads() {
    let behaviour = Behaviour { answer_after: Some(Duration::from_millis(1)), ..Default::default() };
    let server = Server::with(Limits::default(), behaviour);
    let mut alice = Client::connected(server.address, "alice", "laptop").await;
    let mut bytes = Vec::new();
    for id in 1..=100_u16 {
        bytes.extend_from_slice(&alice.encode(&publish_packet("t", id, "x".into())));
    }
    for _ in 0..5 {
        alice.send_bytes(&bytes).await;
        for id in 1..=100_u16 {
            match alice.receive().await {
                Some(Packet::PubAck(ack)) => assert_eq!(ack.packet_id, id),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(server.broker.stats().publishes_accepted.get(), 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_pairs_at_once_get_all_their_messages_in_order() {
    const PAIRS: usize = 40;
    const MESSAGES: u16 = 200;
    let server = Server::start();
    let mut tasks = Vec::new();
    for pair in 0..PAIRS {
        let address = server.address;
        tasks.push(tokio::spawn(async move {
            let topic = format!("pair/{pair}");
            let mut receiver = Client::connected(address, "bob", &format!("phone{pair}")).await;
            receiver.subscribe(&topic).await;
            let mut sender = Client::connected(address, "alice", &format!("laptop{pair}")).await;
            let sending = tokio::spawn(async move {
                for id in 1..=MESSAGES {
                    sender.send(&publish_packet(&topic, id, id.to_be_bytes().to_vec().into())).await;
                    assert!(matches!(sender.receive().await, Some(Packet::PubAck(_))));
                }
            });
            for id in 1..=MESSAGES {
                assert_eq!(receiver.take().await.payload[..], id.to_be_bytes());
            }
            sending.await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let messages = u64::from(MESSAGES) * PAIRS as u64;
    // A connection counts after it has written, and the client may have read by then.
    server.until("all counted", |server| server.broker.stats().deliveries_out.get() == messages).await;
    server.until("all closed", |server| server.broker.stats().sessions.get() == 0).await;
}

#[tokio::test]
async fn a_full_server_lets_the_next_one_wait_instead_of_refusing() {
    let server = Server::with(Limits { connections: 2, ..Limits::default() }, Behaviour::default());
    let first = Client::connected(server.address, "a", "1").await;
    let _second = Client::connected(server.address, "b", "1").await;
    let mut third = Client::dial(server.address, Version::V5).await;
    third.send(&connect_packet(Version::V5, "c", "1")).await;
    server.until("full", |server| server.broker.stats().accept_pauses.get() > 0).await;
    assert_eq!(third.receive_within(Duration::from_millis(100)).await, None);
    drop(first);
    assert!(matches!(third.receive().await, Some(Packet::ConnAck(_))));
}
