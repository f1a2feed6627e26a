//! A connected device: takes, collects and acknowledges as a broker's connection does.

use std::sync::Arc;
use std::time::Duration;

use longwave_model::{DeviceId, Refusal};
use longwave_port::{Closing, Delivery, Feed as _, Mailbox, Open, Opened, Subscription, Ticket};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::world::{World, user};

/// How long a test waits for what must come. Far more than it takes, so that a slow machine fails no test.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Inbox {
    woken: Notify,
    closed: Mutex<Option<Refusal>>,
}

impl Mailbox for Inbox {
    fn wake(&self) {
        self.woken.notify_one();
    }

    fn close(&self, refusal: Refusal) {
        *self.closed.lock() = Some(refusal);
    }
}

pub(crate) struct Device {
    pub(crate) opened: Opened,
    inbox: Arc<Inbox>,
    expiry_seconds: u32,
    next_packet_id: u16,
    /// Sent and not acknowledged, in order.
    pub(crate) in_flight: Vec<(u16, Ticket)>,
    /// At most this many at the same time.
    pub(crate) window: usize,
}

/// What a connection asks for.
#[derive(Clone, Copy)]
pub(crate) struct Connect {
    pub(crate) clean_start: bool,
    pub(crate) expiry_seconds: u32,
    pub(crate) service: bool,
}

/// An MQTT 5 session that lasts.
pub(crate) const DURABLE: Connect = Connect { clean_start: false, expiry_seconds: 86_400, service: false };
/// Lasts, and starts clean.
pub(crate) const CLEAN: Connect = Connect { clean_start: true, ..DURABLE };
/// A browser tab.
pub(crate) const LIVE_ONLY: Connect = Connect { clean_start: true, expiry_seconds: 0, service: false };

pub(crate) fn subscription(filter: &str, qos: u8) -> Subscription {
    Subscription {
        filter: filter.to_owned(),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
        identifier: None,
    }
}

impl Device {
    pub(crate) async fn connect(world: &World, name: &str, device: &str, connect: Connect) -> Self {
        let inbox = Arc::new(Inbox::default());
        let open = Open {
            user: user(name),
            device: DeviceId::parse(device).unwrap(),
            service: connect.service,
            clean_start: connect.clean_start,
            expiry_seconds: connect.expiry_seconds,
            will: None,
            now: world.now(),
            mailbox: inbox.clone(),
        };
        let opened = world.hub.open(open).await.unwrap();
        let expiry_seconds = connect.expiry_seconds;
        Self { opened, inbox, expiry_seconds, next_packet_id: 1, in_flight: Vec::new(), window: 32 }
    }

    /// Connects and subscribes to all conversations as raw, which carries messages only.
    pub(crate) async fn listening(world: &World, name: &str, device: &str, connect: Connect) -> Self {
        let device = Self::connect(world, name, device, connect).await;
        device.subscribe(&format!("u/{name}/c/+/raw"), 1).await;
        device
    }

    pub(crate) async fn subscribe(&self, filter: &str, qos: u8) -> u8 {
        let answers = self.opened.outlet.subscribe(vec![subscription(filter, qos)]).await.unwrap();
        answers.into_iter().next().unwrap().unwrap()
    }

    /// Takes what is there, without acknowledging it.
    pub(crate) fn take(&mut self) -> Vec<Delivery> {
        let mut out = Vec::new();
        let room = self.window.saturating_sub(self.in_flight.len());
        self.opened.outlet.take(room, 1 << 20, &mut out);
        for delivery in &out {
            if let Some(ticket) = delivery.ticket {
                let packet_id = delivery.resend.map_or(self.next_packet_id, |resend| resend.0);
                self.next_packet_id = self.next_packet_id.max(packet_id) + 1;
                self.in_flight.push((packet_id, ticket));
            }
        }
        out
    }

    /// Waits for this many deliveries without acknowledging them.
    pub(crate) async fn wait(&mut self, count: usize) -> Vec<Delivery> {
        self.gather(count, false).await
    }

    /// Waits for this many deliveries and acknowledges each.
    pub(crate) async fn receive(&mut self, count: usize) -> Vec<String> {
        let deliveries = self.gather(count, true).await;
        deliveries.iter().map(|delivery| String::from_utf8_lossy(&delivery.payload).into_owned()).collect()
    }

    async fn gather(&mut self, count: usize, acknowledge: bool) -> Vec<Delivery> {
        let mut all = Vec::new();
        let gathered = tokio::time::timeout(PATIENCE, async {
            loop {
                all.extend(self.take());
                if acknowledge && !self.in_flight.is_empty() {
                    self.ack_all();
                    continue;
                }
                if all.len() >= count {
                    break;
                }
                self.inbox.woken.notified().await;
            }
        });
        let finished = gathered.await.is_ok();
        assert!(finished && all.len() == count, "{} of {count} deliveries came: {all:?}", all.len());
        all
    }

    /// Nothing is there, and nothing is being read that would become something.
    pub(crate) async fn expect_silence(&mut self) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(self.take(), []);
    }

    pub(crate) fn ack_all(&mut self) {
        for (_, ticket) in self.in_flight.drain(..) {
            self.opened.outlet.acked(ticket);
        }
    }

    /// Acknowledges the one at this place among those in flight.
    pub(crate) fn ack(&mut self, index: usize) {
        let (_, ticket) = self.in_flight.remove(index);
        self.opened.outlet.acked(ticket);
    }

    pub(crate) async fn close(self, world: &World) {
        let closing = Closing {
            expiry_seconds: self.expiry_seconds,
            in_flight: self.in_flight,
            unsettled: Vec::new(),
            good_bye: true,
            now: world.now(),
        };
        self.opened.outlet.close(closing).await;
    }
}

/// `prefix` with each of these numbers.
pub(crate) fn numbered(prefix: &str, numbers: std::ops::RangeInclusive<usize>) -> Vec<String> {
    numbers.map(|number| format!("{prefix} {number}")).collect()
}
