//! Gate and feed in memory: a publish goes to every session with an equal filter, or one that ends in `#` and begins alike. It keeps
//! the rules of the real ones: one outlet per device, resend of what was in flight, order per session.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{DeviceId, ErrorCode, Refusal, Seq, UserId};
use longwave_port::{
    Answer, Closing, Completion, Delivery, Feed, Gate, Mailbox, Open, Opened, Outlet, Publish, Resend, Sender,
    Subscription, Ticket,
};
use parking_lot::Mutex;

type Key = (UserId, DeviceId);

/// How the backend behaves in a test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behaviour {
    /// Answers come from another thread, this much later.
    pub(crate) answer_after: Option<Duration>,
    /// Closing an outlet takes this long.
    pub(crate) close_takes: Duration,
    /// Publishes to this topic panic in the gate.
    pub(crate) panic_topic: &'static str,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { answer_after: None, close_takes: Duration::ZERO, panic_topic: "" }
    }
}

/// The backend.
pub(crate) struct Backend {
    behaviour: Behaviour,
    sessions: Mutex<HashMap<Key, Arc<Session>>>,
    seq: AtomicU64,
    /// Every publish taken: topic and payload.
    pub(crate) published: Mutex<Vec<(String, Bytes)>>,
    /// How outlets were closed, in order.
    pub(crate) closed: Mutex<Vec<(Key, Closing)>>,
    /// Outlets open now.
    pub(crate) open: AtomicUsize,
}

#[derive(Default)]
struct Session {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    subscriptions: Vec<Subscription>,
    queue: VecDeque<Stored>,
    in_flight: BTreeMap<u64, Stored>,
    tickets: u64,
    mailbox: Option<Arc<dyn Mailbox>>,
    known: bool,
}

struct Stored {
    topic: Arc<str>,
    payload: Bytes,
    resend: Option<u16>,
}

struct FakeOutlet {
    backend: Arc<Backend>,
    key: Key,
    session: Arc<Session>,
}

impl Backend {
    pub(crate) fn new(behaviour: Behaviour) -> Arc<Self> {
        Arc::new(Self {
            behaviour,
            sessions: Mutex::default(),
            seq: AtomicU64::new(0),
            published: Mutex::default(),
            closed: Mutex::default(),
            open: AtomicUsize::new(0),
        })
    }

    /// Puts a message into every session that wants it, as another publisher would.
    pub(crate) fn put(&self, topic: &str, payload: &Bytes) {
        let topic: Arc<str> = topic.into();
        for session in self.sessions.lock().values() {
            let mut state = session.state.lock();
            if state.subscriptions.iter().any(|subscription| matches(&subscription.filter, &topic)) {
                state.queue.push_back(Stored { topic: topic.clone(), payload: payload.clone(), resend: None });
                if let Some(mailbox) = &state.mailbox {
                    mailbox.wake();
                }
            }
        }
    }

    /// Messages that wait for a device, in flight or not.
    pub(crate) fn owed(&self, user: &str, device: &str) -> usize {
        let key = (UserId::parse(user).unwrap(), DeviceId::parse(device).unwrap());
        self.sessions.lock().get(&key).map_or(0, |session| {
            let state = session.state.lock();
            state.queue.len() + state.in_flight.len()
        })
    }
}

fn matches(filter: &str, topic: &str) -> bool {
    filter == topic || filter.strip_suffix('#').is_some_and(|begin| topic.starts_with(begin))
}

impl Gate for Backend {
    fn publish(&self, publish: Publish, completion: Completion) {
        assert_ne!(&*publish.topic, self.behaviour.panic_topic, "asked to panic");
        let seq = self.seq.fetch_add(1, SeqCst) + 1;
        self.published.lock().push((publish.topic.to_string(), publish.payload.clone()));
        self.put(&publish.topic, &publish.payload);
        let answer = if publish.topic.starts_with("refused/") {
            Answer::Refused { refusal: Refusal::new(ErrorCode::NotYourTopic, "not yours"), notice: None }
        } else {
            Answer::Stored { seq: Seq(seq), ts: 1, notice: None }
        };
        match self.behaviour.answer_after {
            None => completion.complete(answer),
            Some(delay) => {
                std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    completion.complete(answer);
                });
            }
        }
    }
}

/// The feed that opens sessions of a [`Backend`].
pub(crate) struct FakeFeed(pub(crate) Arc<Backend>);

#[async_trait]
impl Feed for FakeFeed {
    async fn open(&self, open: Open) -> Result<Opened, Refusal> {
        let key = (open.user.clone(), open.device.clone());
        let session = self.0.sessions.lock().entry(key.clone()).or_default().clone();
        let present;
        let subscriptions;
        {
            let mut state = session.state.lock();
            assert!(state.mailbox.is_none(), "two outlets of one device");
            if open.clean_start {
                *state = State::default();
            }
            present = std::mem::replace(&mut state.known, true);
            state.mailbox = Some(open.mailbox);
            subscriptions = state.subscriptions.clone();
        }
        self.0.open.fetch_add(1, SeqCst);
        let sender = Sender {
            user: open.user,
            device: open.device,
            service: open.service,
            incarnation: 1,
            connection: open.now,
        };
        Ok(Opened {
            outlet: Arc::new(FakeOutlet { backend: self.0.clone(), key, session }),
            session_present: present,
            sender: Arc::new(sender),
            subscriptions,
            qos2_uses: Vec::new(),
            unsettled: Vec::new(),
        })
    }
}

#[async_trait]
impl Outlet for FakeOutlet {
    async fn subscribe(&self, subscriptions: Vec<Subscription>) -> Result<Vec<Result<u8, Refusal>>, Refusal> {
        tokio::task::yield_now().await;
        let mut state = self.session.state.lock();
        let granted = subscriptions.iter().map(|subscription| Ok(subscription.qos.min(1))).collect();
        state.subscriptions.extend(subscriptions);
        Ok(granted)
    }

    async fn unsubscribe(&self, filters: Vec<String>) -> Result<Vec<bool>, Refusal> {
        let mut state = self.session.state.lock();
        let existed = |filter: &String| state.subscriptions.iter().any(|subscription| subscription.filter == *filter);
        let result = filters.iter().map(existed).collect();
        state.subscriptions.retain(|subscription| !filters.contains(&subscription.filter));
        Ok(result)
    }

    fn take(&self, room: usize, bytes: usize, out: &mut Vec<Delivery>) {
        let mut state = self.session.state.lock();
        let mut left = bytes;
        for _ in 0..room {
            if left == 0 {
                return;
            }
            let Some(stored) = state.queue.pop_front() else { return };
            left = left.saturating_sub(stored.payload.len());
            state.tickets += 1;
            let ticket = state.tickets;
            out.push(Delivery {
                topic: stored.topic.clone(),
                payload: stored.payload.clone(),
                ticket: Some(Ticket(ticket)),
                resend: stored.resend.map(Resend),
                ..Delivery::default()
            });
            state.in_flight.insert(ticket, stored);
        }
    }

    fn acked(&self, ticket: Ticket) {
        self.session.state.lock().in_flight.remove(&ticket.0);
    }

    async fn released(&self, _packet_id: u16, _uses: u32) -> Result<(), Refusal> {
        Ok(())
    }

    async fn close(&self, closing: Closing) {
        tokio::time::sleep(self.backend.behaviour.close_takes).await;
        {
            let mut state = self.session.state.lock();
            for (packet_id, ticket) in closing.in_flight.iter().rev() {
                let stored = state.in_flight.remove(&ticket.0).expect("in flight");
                state.queue.push_front(Stored { resend: Some(*packet_id), ..stored });
            }
            let taken = std::mem::take(&mut state.in_flight);
            for stored in taken.into_values().rev() {
                state.queue.push_front(stored);
            }
            state.mailbox = None;
            if closing.expiry_seconds == 0 {
                *state = State::default();
            }
        }
        self.backend.open.fetch_sub(1, SeqCst);
        self.backend.closed.lock().push((self.key.clone(), closing));
    }
}
