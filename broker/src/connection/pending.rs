//! What a session asked for and has to wait for: admission, opening its feed, stored subscriptions. One future, held only meanwhile.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use longwave_model::{DeviceId, ErrorCode, Refusal, UserId};
use longwave_port::{Credentials, Open, Opened, Outlet, Subscription, Will};
use rand::Rng;
use tracing::{debug, info};

use super::handle::ConnectionHandle;
use crate::bans;
use crate::broker::Broker;
use crate::registry::Claim;
use crate::session::Event;

/// How long a new connection waits for the former one of its device to end.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(15);

/// Something to wait for.
pub(super) enum Ask {
    Admit(Credentials),
    Open {
        user: UserId,
        device: DeviceId,
        service: bool,
        clean_start: bool,
        expiry_seconds: u32,
        will: Option<Box<Will>>,
    },
    Subscribe(Vec<Subscription>),
    Unsubscribe(Vec<String>),
    Released {
        packet_id: u16,
        uses: u32,
    },
}

/// What came of it.
pub(super) enum Came {
    Event(Event),
    Opened(Claim, Opened),
}

/// The one that runs, and those that wait for it.
pub(super) struct Pending {
    current: Pin<Box<dyn Future<Output = Came> + Send>>,
    /// Not worth finishing when the connection ends.
    droppable: bool,
    queue: VecDeque<Ask>,
}

/// Adds something to wait for, behind what is there.
pub(super) fn ask(
    pending: &mut Option<Box<Pending>>,
    ask: Ask,
    broker: &Arc<Broker>,
    handle: &Arc<ConnectionHandle>,
    outlet: Option<&Arc<dyn Outlet>>,
) {
    match pending {
        Some(pending) => pending.queue.push_back(ask),
        None => *pending = Some(Box::new(Pending::start(ask, VecDeque::new(), broker, handle, outlet))),
    }
}

/// Ready when one of them is done; starts the next.
pub(super) fn poll(
    pending: &mut Option<Box<Pending>>,
    cx: &mut Context<'_>,
    broker: &Arc<Broker>,
    handle: &Arc<ConnectionHandle>,
    outlet: Option<&Arc<dyn Outlet>>,
) -> Poll<Came> {
    let Some(running) = pending else { return Poll::Pending };
    let Poll::Ready(came) = running.current.as_mut().poll(cx) else { return Poll::Pending };
    let mut queue = std::mem::take(&mut running.queue);
    *pending = queue.pop_front().map(|next| Box::new(Pending::start(next, queue, broker, handle, outlet)));
    Poll::Ready(came)
}

impl Pending {
    fn start(
        ask: Ask,
        queue: VecDeque<Ask>,
        broker: &Arc<Broker>,
        handle: &Arc<ConnectionHandle>,
        outlet: Option<&Arc<dyn Outlet>>,
    ) -> Self {
        let droppable = matches!(ask, Ask::Admit(_));
        let outlet = outlet.cloned();
        let current: Pin<Box<dyn Future<Output = Came> + Send>> = match ask {
            Ask::Admit(credentials) => Box::pin(admit(broker.clone(), credentials)),
            Ask::Open { user, device, service, clean_start, expiry_seconds, will } => {
                let mailbox = handle.clone();
                let open = Open { user, device, service, clean_start, expiry_seconds, will, now: 0, mailbox };
                Box::pin(open_feed(broker.clone(), handle.clone(), open))
            }
            Ask::Subscribe(subscriptions) => Box::pin(async move {
                Came::Event(Event::Subscribed(match outlet {
                    Some(outlet) => outlet.subscribe(subscriptions).await,
                    None => Err(no_outlet()),
                }))
            }),
            Ask::Unsubscribe(filters) => Box::pin(async move {
                Came::Event(Event::Unsubscribed(match outlet {
                    Some(outlet) => outlet.unsubscribe(filters).await,
                    None => Err(no_outlet()),
                }))
            }),
            Ask::Released { packet_id, uses } => Box::pin(async move {
                let result = match outlet {
                    Some(outlet) => outlet.released(packet_id, uses).await,
                    None => Err(no_outlet()),
                };
                Came::Event(Event::Released { packet_id, result })
            }),
        };
        Self { current, droppable, queue }
    }

    /// Waits for what runs when the connection ends: a write that has begun is not torn, and a feed that is being opened is closed.
    pub(super) async fn finish(self: Box<Self>) -> Option<(Claim, Opened)> {
        if self.droppable {
            return None;
        }
        match self.current.await {
            Came::Opened(claim, opened) => Some((claim, opened)),
            Came::Event(_) => None,
        }
    }
}

async fn admit(broker: Arc<Broker>, credentials: Credentials) -> Came {
    let address = credentials.address;
    let client_id = credentials.client_id.clone();
    let result = broker.parts.admit.admit(credentials).await.and_then(|identity| {
        let device = identity.device.as_ref().map_or(&*client_id, |pinned| pinned.as_str());
        match broker.bans.device(identity.user.as_str(), device, broker.clock.now().unix) {
            true => Err(bans::refusal()),
            false => Ok(identity),
        }
    });
    let stats = broker.stats();
    match &result {
        Ok(identity) => {
            stats.logins_admitted.add(1);
            debug!(user = %identity.user, service = identity.service, "admitted");
        }
        Err(refusal) => {
            stats.logins_refused.add(1);
            let shown = address.map(tracing::field::display);
            info!(code = refusal.code.number(), reason = %refusal.reason, address = shown, "login refused");
            let delay = broker.parts.failed_login_delay.mul_f64(rand::rng().random_range(0.8..1.0));
            let wait = address.map(|address| broker.visitors.failed(address, broker.clock.now().monotonic));
            let wait = wait.unwrap_or_default().min(Duration::from_secs(broker.parts.limits.connect_seconds));
            stats.visitors_slowed.add(u64::from(!wait.is_zero()));
            tokio::time::sleep(delay.max(wait)).await;
        }
    }
    Came::Event(Event::Admitted(result))
}

async fn open_feed(broker: Arc<Broker>, handle: Arc<ConnectionHandle>, open: Open) -> Came {
    let stats = broker.stats();
    let (user, device) = (open.user.clone(), open.device.clone());
    let claim = broker.registry.claim(&handle, user, device, TAKEOVER_PATIENCE, || stats.takeovers.add(1)).await;
    let claim = match claim {
        Ok(claim) => claim,
        Err(refusal) => return Came::Event(Event::Opened(Err(refusal))),
    };
    // No CONNACK that refuses: mqtt.js would never connect again.
    if broker.is_stopping() || handle.is_gone() {
        return Came::Event(Event::Disconnected);
    }
    let now = broker.clock.now().unix;
    match broker.parts.feed.open(Open { now, ..open }).await {
        Ok(opened) => Came::Opened(claim, opened),
        Err(refusal) => Came::Event(Event::Opened(Err(refusal))),
    }
}

fn no_outlet() -> Refusal {
    Refusal::new(ErrorCode::ProtocolError, "no session is open")
}
