//! A client that nobody here wrote.

use std::time::Duration;

use crate::rig::Server;

#[tokio::test]
async fn rumqttc_on_both_versions() {
    let server = Server::start();
    five(server.address.port()).await;
    three(server.address.port()).await;
}

async fn five(port: u16) {
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::Packet;
    use rumqttc::v5::{AsyncClient, Event, MqttOptions};

    let mut options = MqttOptions::new("phone5", "127.0.0.1", port);
    options.set_credentials("bob", "").set_keep_alive(Duration::from_secs(10)).set_clean_start(false);
    let (client, mut events) = AsyncClient::new(options, 100);
    client.subscribe("five", QoS::AtLeastOnce).await.unwrap();
    for _ in 0..20 {
        client.publish("five", QoS::AtLeastOnce, false, "x").await.unwrap();
        client.publish("five", QoS::ExactlyOnce, false, "x").await.unwrap();
    }
    let (mut got, mut acked, mut completed) = (0, 0, 0);
    while got < 40 || acked < 20 || completed < 20 {
        let event = tokio::time::timeout(Duration::from_secs(30), events.poll()).await.unwrap().unwrap();
        match event {
            Event::Incoming(Packet::Publish(_)) => got += 1,
            Event::Incoming(Packet::PubAck(_)) => acked += 1,
            Event::Incoming(Packet::PubComp(_)) => completed += 1,
            _ => {}
        }
    }
    client.disconnect().await.unwrap();
}

async fn three(port: u16) {
    use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

    let mut options = MqttOptions::new("phone3", "127.0.0.1", port);
    options.set_credentials("bob", "").set_keep_alive(Duration::from_secs(10)).set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 100);
    client.subscribe("three", QoS::AtLeastOnce).await.unwrap();
    for _ in 0..20 {
        client.publish("three", QoS::AtLeastOnce, false, "x").await.unwrap();
    }
    let (mut got, mut acked) = (0, 0);
    while got < 20 || acked < 20 {
        let event = tokio::time::timeout(Duration::from_secs(30), events.poll()).await.unwrap().unwrap();
        match event {
            Event::Incoming(Packet::Publish(_)) => got += 1,
            Event::Incoming(Packet::PubAck(_)) => acked += 1,
            _ => {}
        }
    }
}
