//! rumqttc in both versions against a running server: live, then away and resumed. `interop/run` calls this.

#![expect(clippy::print_stdout, reason = "a command for people")]

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::var("MQTT_PORT").context("MQTT_PORT is not set")?.parse()?;
    scenario::<v311::Device>(port, "3.1.1").await?;
    scenario::<v5::Device>(port, "5.0").await
}

/// What the two client versions have in common.
trait Device: Sized {
    async fn connect(user: &str, device: &str, port: u16, durable: bool) -> anyhow::Result<(Self, bool)>;
    async fn subscribe(&mut self, filter: &str) -> anyhow::Result<()>;
    /// Publishes at QoS 1 and waits for the acknowledgement.
    async fn publish(&mut self, topic: &str, payload: String) -> anyhow::Result<()>;
    /// The next message's payload.
    async fn message(&mut self) -> anyhow::Result<String>;
    async fn disconnect(self) -> anyhow::Result<()>;
}

async fn scenario<D: Device>(port: u16, version: &str) -> anyhow::Result<()> {
    let (alice, bob) = (format!("alice-rumqttc-{version}"), format!("bob-rumqttc-{version}"));
    let topic = format!("u/{alice}/c/@{bob}/raw");
    let (mut laptop, _) = D::connect(&alice, "laptop", port, false).await?;
    let (mut phone, present) = D::connect(&bob, "phone", port, true).await?;
    ensure!(!present, "a session where there can be none");
    phone.subscribe(&format!("u/{bob}/c/+/raw")).await?;
    for number in 0..20 {
        laptop.publish(&topic, format!("live {number}")).await?;
        expect(&mut phone, &format!("live {number}")).await?;
    }
    phone.disconnect().await?;
    for number in 0..200 {
        laptop.publish(&topic, format!("away {number}")).await?;
    }
    let (mut phone, present) = D::connect(&bob, "phone", port, true).await?;
    ensure!(present, "the session is gone");
    for number in 0..200 {
        expect(&mut phone, &format!("away {number}")).await?;
    }
    phone.disconnect().await?;
    laptop.disconnect().await?;
    println!("  {version} over tcp: live, resumed");
    Ok(())
}

async fn expect<D: Device>(device: &mut D, payload: &str) -> anyhow::Result<()> {
    let got = timeout(LIMIT, device.message()).await.with_context(|| format!("no {payload:?}"))??;
    if got == payload { Ok(()) } else { bail!("expected {payload:?}, got {got:?}") }
}

macro_rules! device {
    ($module:ident, $client:path, $events:path, $options:path, $event:path, $qos:path, $packet:path, $durable:expr) => {
        mod $module {
            use std::collections::VecDeque;

            use anyhow::ensure;
            use $client as AsyncClient;
            use $event as Event;
            use $events as EventLoop;
            use $options as MqttOptions;
            use $packet as Packet;
            use $qos as QoS;

            pub(super) struct Device {
                client: AsyncClient,
                events: EventLoop,
                messages: VecDeque<String>,
            }

            impl Device {
                async fn packet(&mut self) -> anyhow::Result<Packet> {
                    loop {
                        if let Event::Incoming(packet) =
                            tokio::time::timeout(super::LIMIT, self.events.poll()).await??
                        {
                            if let Packet::Publish(publish) = &packet {
                                self.messages.push_back(String::from_utf8(publish.payload.to_vec())?);
                            }
                            return Ok(packet);
                        }
                    }
                }
            }

            impl super::Device for Device {
                async fn connect(user: &str, device: &str, port: u16, durable: bool) -> anyhow::Result<(Self, bool)> {
                    let mut options = MqttOptions::new(device, "127.0.0.1", port);
                    options.set_credentials(user, "");
                    $durable(&mut options, durable);
                    let (client, events) = AsyncClient::new(options, 100);
                    let mut device = Self { client, events, messages: VecDeque::new() };
                    loop {
                        if let Packet::ConnAck(ack) = device.packet().await? {
                            return Ok((device, ack.session_present));
                        }
                    }
                }

                async fn subscribe(&mut self, filter: &str) -> anyhow::Result<()> {
                    self.client.subscribe(filter, QoS::AtLeastOnce).await?;
                    loop {
                        if let Packet::SubAck(ack) = self.packet().await? {
                            ensure!(format!("{ack:?}").contains("Success"), "{ack:?}");
                            return Ok(());
                        }
                    }
                }

                async fn publish(&mut self, topic: &str, payload: String) -> anyhow::Result<()> {
                    self.client.publish(topic, QoS::AtLeastOnce, false, payload).await?;
                    while !matches!(self.packet().await?, Packet::PubAck(_)) {}
                    Ok(())
                }

                async fn message(&mut self) -> anyhow::Result<String> {
                    loop {
                        if let Some(message) = self.messages.pop_front() {
                            return Ok(message);
                        }
                        self.packet().await?;
                    }
                }

                async fn disconnect(mut self) -> anyhow::Result<()> {
                    self.client.disconnect().await?;
                    // The acknowledgements that are still queued go out before DISCONNECT; then the loop ends with an error.
                    while tokio::time::timeout(super::LIMIT, self.events.poll()).await?.is_ok() {}
                    Ok(())
                }
            }
        }
    };
}

device!(
    v311,
    rumqttc::AsyncClient,
    rumqttc::EventLoop,
    rumqttc::MqttOptions,
    rumqttc::Event,
    rumqttc::QoS,
    rumqttc::Packet,
    |options: &mut MqttOptions, durable: bool| {
        options.set_clean_session(!durable);
    }
);
device!(
    v5,
    rumqttc::v5::AsyncClient,
    rumqttc::v5::EventLoop,
    rumqttc::v5::MqttOptions,
    rumqttc::v5::Event,
    rumqttc::v5::mqttbytes::QoS,
    rumqttc::v5::mqttbytes::v5::Packet,
    |options: &mut MqttOptions, durable: bool| {
        options.set_clean_start(!durable).set_session_expiry_interval(durable.then_some(86_400));
    }
);
