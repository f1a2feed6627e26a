//! A broker on a backend that is as small as the traits allow: it stores nothing and owes nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longwave_broker::admit::DevAdmit;
use longwave_broker::limits::Limits;
use longwave_broker::listen::tls::TlsReload;
use longwave_broker::listen::{ListenerConfig, Proxies, Transport, listen};
use longwave_broker::stats::BrokerStats;
use longwave_broker::{Broker, BrokerParts};
use longwave_model::{Refusal, Seq};
use longwave_port::{
    Answer, Closing, Completion, Delivery, Feed, Gate, Mailbox, Open, Opened, Outlet, Publish, Sender, Subscription,
    Ticket,
};

/// A broker with one listener.
pub(crate) fn start(transport: Transport, tls: Option<Arc<TlsReload>>) -> (Arc<Broker>, SocketAddr) {
    let backend = Arc::new(Backend);
    let broker = Broker::new(BrokerParts {
        admit: Arc::new(DevAdmit),
        gate: backend.clone(),
        feed: backend,
        limits: Arc::new(Limits { accepts_per_second: 100_000, ..Limits::default() }),
        stats: Arc::new(BrokerStats::default()),
        failed_login_delay: Duration::ZERO,
    });
    let address = "127.0.0.1:0".parse().unwrap();
    let config = ListenerConfig {
        address,
        transport,
        websocket_path: "/mqtt".into(),
        websocket_origins: Vec::new(),
        tls,
        proxies: Proxies::default(),
    };
    let address = listen(&broker, config).unwrap().local_addr;
    (broker, address)
}

struct Backend;

struct Idle {
    _mailbox: Arc<dyn Mailbox>,
}

impl Gate for Backend {
    fn publish(&self, _publish: Publish, completion: Completion) {
        completion.complete(Answer::Stored { seq: Seq(1), ts: 1, notice: None });
    }
}

#[async_trait]
impl Feed for Backend {
    async fn open(&self, open: Open) -> Result<Opened, Refusal> {
        let sender =
            Sender { user: open.user, device: open.device, service: false, incarnation: 1, connection: open.now };
        Ok(Opened {
            outlet: Arc::new(Idle { _mailbox: open.mailbox }),
            session_present: false,
            sender: Arc::new(sender),
            subscriptions: Vec::new(),
            qos2_uses: Vec::new(),
            unsettled: Vec::new(),
        })
    }
}

#[async_trait]
impl Outlet for Idle {
    async fn subscribe(&self, subscriptions: Vec<Subscription>) -> Result<Vec<Result<u8, Refusal>>, Refusal> {
        Ok(subscriptions.iter().map(|subscription| Ok(subscription.qos.min(1))).collect())
    }
    async fn unsubscribe(&self, filters: Vec<String>) -> Result<Vec<bool>, Refusal> {
        Ok(vec![true; filters.len()])
    }
    fn take(&self, _room: usize, _bytes: usize, _out: &mut Vec<Delivery>) {}
    fn acked(&self, _ticket: Ticket) {}
    async fn released(&self, _packet_id: u16, _uses: u32) -> Result<(), Refusal> {
        Ok(())
    }
    async fn close(&self, _closing: Closing) {}
}
