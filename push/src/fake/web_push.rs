//! A push service of a browser: gives out subscriptions, verifies VAPID, decrypts what it got.
//!
//! A real push service cannot decrypt; this one is the browser as well.

mod check;
mod decrypt;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::call::{Answered, Call, Reset, answer};
use super::server::{ANY_PORT, Serve, Server};
use super::{Authority, FakeError};
use crate::send::{Clock, Secret, Target};
use check::Vapid;
use decrypt::Browser;

/// What to do with one message, after it passed all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebPushAct {
    /// 201.
    Accept,
    /// An error.
    Refuse {
        /// HTTP status.
        status: u16,
        /// The header `retry-after`, in seconds.
        retry_after: Option<u64>,
    },
    /// 307 to this URL.
    Redirect(String),
    /// 201 with a body of this many bytes.
    Chatty(usize),
    /// No answer, ever.
    Stall,
    /// RST_STREAM.
    Reset,
}

/// A message as it came, with what it was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct WebPushPush {
    /// The subscription's id.
    pub subscription: String,
    /// The header of that name.
    pub ttl: Option<String>,
    /// The header of that name.
    pub urgency: Option<String>,
    /// The header of that name.
    pub topic: Option<String>,
    /// The claims of the VAPID token; null if it is not good.
    pub vapid: Value,
    /// What was decrypted, if it is JSON; else null.
    pub message: Value,
    /// `None` = no answer.
    pub status: Option<u16>,
}

/// A subscription as a browser has it.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its last path segment.
    pub id: String,
    /// What the sending side is given.
    pub target: Target,
}

/// A running fake.
pub struct FakeWebPush {
    server: Server,
    service: Arc<PushService>,
}

struct PushService {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    origins: Vec<String>,
    subscriptions: HashMap<String, Subscribed>,
    received: Vec<WebPushPush>,
}

struct Subscribed {
    browser: Browser,
    /// The application server's key in base64url.
    application: String,
    script: VecDeque<WebPushAct>,
}

impl FakeWebPush {
    /// Starts one on a free port of 127.0.0.1, for `localhost` and these names.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start(authority: &Authority, names: &[&str], clock: Clock) -> Result<Self, FakeError> {
        Self::start_at(ANY_PORT, authority, names, clock).await
    }

    /// Starts one at an address, for `localhost`, `127.0.0.1` and these names.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start_at(
        listen: SocketAddr,
        authority: &Authority,
        names: &[&str],
        clock: Clock,
    ) -> Result<Self, FakeError> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let service = Arc::new(PushService { clock, state: Mutex::default() });
        let server = Server::start(authority, &names, listen, |address| {
            let local = ["localhost".to_owned(), "127.0.0.1".to_owned()];
            let origin = |name: &String| format!("https://{name}:{}", address.port());
            service.state.lock().origins = names.iter().chain(&local).map(origin).collect();
            Arc::clone(&service)
        })
        .await?;
        Ok(Self { server, service })
    }

    /// `https://localhost:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// A new subscription, for the application whose public key this is ([`crate::send::Es256Key::public`]).
    ///
    /// # Errors
    /// When no key can be made.
    pub fn subscribe(&self, application: &str) -> Result<Subscription, FakeError> {
        let browser = Browser::new().ok_or(FakeError::Key)?;
        let id = format!("{:032x}", rand::random::<u128>());
        let target = Target::WebPush {
            endpoint: Secret::new(format!("{}/push/{id}", self.url())),
            p256dh: Secret::new(browser.p256dh()),
            auth: Secret::new(browser.auth()),
        };
        let subscribed = Subscribed { browser, application: application.to_owned(), script: VecDeque::new() };
        self.service.state.lock().subscriptions.insert(id.clone(), subscribed);
        Ok(Subscription { id, target })
    }

    /// Forgets a subscription: messages for it are answered 410.
    pub fn unsubscribe(&self, id: &str) {
        self.service.state.lock().subscriptions.remove(id);
    }

    /// What to do with the next messages for a subscription, one after the other; then they are accepted again.
    pub fn script(&self, id: &str, acts: impl IntoIterator<Item = WebPushAct>) {
        if let Some(subscribed) = self.service.state.lock().subscriptions.get_mut(id) {
            subscribed.script.extend(acts);
        }
    }

    /// All messages so far, in the order of their answers.
    #[must_use]
    pub fn received(&self) -> Vec<WebPushPush> {
        self.service.state.lock().received.clone()
    }

    /// TLS connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }
}

impl Serve for PushService {
    async fn call(&self, call: Call) -> Answered {
        let id = call.path.strip_prefix("/push/").unwrap_or_default().to_owned();
        let (act, push) = self.take(&call, id);
        self.state.lock().received.push(push);
        let location = format!("https://localhost/message/{:032x}", rand::random::<u128>());
        match act {
            WebPushAct::Accept => Ok(answer(201, &[("location", &location)], None)),
            WebPushAct::Refuse { status, retry_after } => {
                let seconds = retry_after.map(|seconds| seconds.to_string());
                let headers: Vec<_> = seconds.iter().map(|seconds| ("retry-after", seconds.as_str())).collect();
                Ok(answer(status, &headers, None))
            }
            WebPushAct::Redirect(to) => Ok(answer(307, &[("location", &to)], None)),
            WebPushAct::Chatty(bytes) => {
                Ok(answer(201, &[("location", &location)], Some(&Value::from("x".repeat(bytes)))))
            }
            WebPushAct::Reset => Err(Reset),
            WebPushAct::Stall => std::future::pending().await,
        }
    }
}

impl PushService {
    fn take(&self, call: &Call, id: String) -> (WebPushAct, WebPushPush) {
        let mut state = self.state.lock();
        let origins = state.origins.clone();
        let vapid = check::vapid(call, &origins, self.clock.seconds());
        let mut message = Value::Null;
        let refuse = |status| WebPushAct::Refuse { status, retry_after: None };
        let act = match (state.subscriptions.get_mut(&id), &vapid) {
            _ if call.method != hyper::Method::POST => refuse(405),
            (None, _) => refuse(410),
            (Some(_), None) => refuse(401),
            (Some(subscribed), Some(Vapid { key, .. })) if subscribed.application != *key => refuse(403),
            (Some(_), _) if !check::headers(call) => refuse(400),
            (Some(_), _) if call.body.len() > 4096 => refuse(413),
            (Some(subscribed), _) => match subscribed.browser.decrypt(&call.body) {
                None => refuse(400),
                Some(plain) => {
                    message = serde_json::from_slice(&plain).unwrap_or_default();
                    subscribed.script.pop_front().unwrap_or(WebPushAct::Accept)
                }
            },
        };
        let status = match &act {
            WebPushAct::Accept | WebPushAct::Chatty(_) => Some(201),
            WebPushAct::Refuse { status, .. } => Some(*status),
            WebPushAct::Redirect(_) => Some(307),
            WebPushAct::Stall | WebPushAct::Reset => None,
        };
        let push = WebPushPush {
            subscription: id,
            ttl: call.text("ttl"),
            urgency: call.text("urgency"),
            topic: call.text("topic"),
            vapid: vapid.map(|vapid| vapid.claims).unwrap_or_default(),
            message,
            status,
        };
        (act, push)
    }
}
