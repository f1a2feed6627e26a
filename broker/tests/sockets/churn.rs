//! Clients that come and go in every way at once, a few device ids between them: nothing is left behind, and no device ever has two
//! open feeds (the backend panics if so).

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use longwave_broker::codec::packet::{Packet, Version};
use longwave_broker::limits::Limits;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::rig::{Behaviour, Client, Server, connect_packet, publish_packet, subscribe_packet};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_behind() {
    let behaviour = Behaviour {
        answer_after: Some(Duration::from_millis(2)),
        close_takes: Duration::from_millis(3),
        ..Default::default()
    };
    let server = Server::with(Limits::default(), behaviour);
    let mut tasks = Vec::new();
    for seed in 0..12 {
        let address = server.address;
        tasks.push(tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(seed);
            for _ in 0..25 {
                come_and_go(address, &mut random).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    server.until("all gone", |server| server.broker.stats().connections() == 0).await;
    let stats = server.broker.stats();
    assert_eq!(stats.panics.get(), 0, "two feeds of one device, or another defect");
    assert_eq!(stats.sessions.get(), 0);
    assert_eq!(stats.buffers_in_use.get(), 0);
    assert_eq!(server.backend.open.load(SeqCst), 0);
    assert!(stats.takeovers.get() > 0, "the test is to have takeovers");
    server.broker.drain(1_000).await;
}

async fn come_and_go(address: std::net::SocketAddr, random: &mut StdRng) {
    let version = if random.random() { Version::V5 } else { Version::V311 };
    let mut client = Client::dial(address, version).await;
    let device = format!("phone{}", random.random_range(0..3));
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&client.encode(&connect_packet(version, "bob", &device)));
    bytes.extend_from_slice(&client.encode(&subscribe_packet("t")));
    for id in 1..=random.random_range(1..5_u16) {
        bytes.extend_from_slice(&client.encode(&publish_packet("t", id, "x".into())));
    }
    bytes.extend_from_slice(&client.encode(&Packet::Disconnect(Box::default())));
    // All of it or a part of it, waiting for answers or not.
    let end = if random.random() { bytes.len() } else { random.random_range(0..bytes.len()) };
    if tokio::io::AsyncWriteExt::write_all(&mut client.stream, &bytes[..end]).await.is_err() {
        return;
    }
    for _ in 0..random.random_range(0..4) {
        if client.receive_within(Duration::from_millis(20)).await.is_none() {
            return;
        }
    }
}
