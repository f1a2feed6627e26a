//! Apple as a server: checks tokens and headers as strictly, allows one stream until a token was good, and obeys scripts.

mod check;
mod token;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::call::{Answered, Call, Connection, Reset, answer};
use super::server::{ANY_PORT, Serve, Server};
use super::splice::Splice;
use super::{Authority, FakeError};
use crate::send::Clock;
use check::Refused;
use token::Keys;

/// Streams that a connection may have once its first token was good; Apple allows 1,000.
const STREAMS: u32 = 1000;

/// What to do with one request, after it passed all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApnsAct {
    /// 200.
    Accept,
    /// An error of Apple's table.
    Refuse {
        /// HTTP status.
        status: u16,
        /// `reason`.
        reason: String,
        /// `timestamp`, Unix milliseconds (410).
        timestamp: Option<u64>,
        /// The header `retry-after`, in seconds.
        retry_after: Option<u64>,
    },
    /// GOAWAY with this reason; the connection closes.
    GoAway(String),
    /// No answer, ever.
    Stall,
    /// RST_STREAM.
    Reset,
    /// The connection breaks off.
    Cut,
}

impl ApnsAct {
    /// An error without timestamp.
    #[must_use]
    pub fn refuse(status: u16, reason: &str) -> Self {
        Self::Refuse { status, reason: reason.to_owned(), timestamp: None, retry_after: None }
    }
}

/// A request as it came, with what it was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ApnsPush {
    /// Number of its connection, from 1.
    pub connection: u64,
    /// The device token.
    pub device: String,
    /// The header of that name.
    pub push_type: Option<String>,
    /// The header of that name.
    pub topic: Option<String>,
    /// The header of that name.
    pub priority: Option<String>,
    /// The header of that name.
    pub expiration: Option<String>,
    /// The header of that name.
    pub collapse_id: Option<String>,
    /// The provider token as it came.
    pub token: Option<String>,
    /// Whether the client showed a certificate.
    pub certified: bool,
    /// The payload; null if it is no JSON.
    pub payload: Value,
    /// 200, or the status and reason of the refusal; `None` = no answer.
    pub answer: Option<(u16, String)>,
}

/// A running fake.
pub struct FakeApns {
    server: Server,
    apple: Arc<Apple>,
}

struct Apple {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Keys,
    topics: BTreeSet<String>,
    scripts: HashMap<String, VecDeque<ApnsAct>>,
    received: Vec<ApnsPush>,
    splices: Vec<Splice>,
}

impl FakeApns {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start(authority: &Authority, clock: Clock) -> Result<Self, FakeError> {
        Self::start_at(ANY_PORT, authority, clock).await
    }

    /// Starts one at an address; its certificate is for `localhost` and `127.0.0.1`.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start_at(listen: SocketAddr, authority: &Authority, clock: Clock) -> Result<Self, FakeError> {
        let apple = Arc::new(Apple { clock, state: Mutex::default() });
        let server = Server::start(authority, &[], listen, |_| Arc::clone(&apple)).await?;
        Ok(Self { server, apple })
    }

    /// Base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Makes a key known: its id, its team, and its public point as [`crate::send::Es256Key::public`] gives it.
    pub fn add_key(&self, team: &str, key_id: &str, public: &str) {
        self.apple.state.lock().keys.add(team, key_id, public);
    }

    /// Makes an application known by its bundle id.
    pub fn add_topic(&self, topic: &str) {
        self.apple.state.lock().topics.insert(topic.to_owned());
    }

    /// What to do with the next requests for a device, one after the other; then they are accepted again.
    pub fn script(&self, device: &str, acts: impl IntoIterator<Item = ApnsAct>) {
        self.apple.state.lock().scripts.entry(device.to_owned()).or_default().extend(acts);
    }

    /// All requests so far, in the order of their answers.
    #[must_use]
    pub fn received(&self) -> Vec<ApnsPush> {
        self.apple.state.lock().received.clone()
    }

    /// TLS connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }

    /// Says GOAWAY on all connections.
    pub fn go_away(&self, reason: &str) {
        for splice in self.apple.state.lock().splices.drain(..) {
            splice.go_away(reason);
        }
    }
}

impl Serve for Apple {
    fn opened(&self, connection: &Connection) {
        // Apple: one stream until a request with a valid token was seen; a certificate is seen at once.
        connection.splice.max_streams(if connection.certified { STREAMS } else { 1 });
        self.state.lock().splices.push(connection.splice.clone());
    }

    async fn call(&self, call: Call) -> Answered {
        let act = match self.check(&call) {
            Ok(act) => act,
            Err(Refused { status, reason }) => ApnsAct::refuse(status, reason),
        };
        let device = call.path.strip_prefix("/3/device/").unwrap_or_default().to_owned();
        let answered = match &act {
            ApnsAct::Accept => Some((200, String::new())),
            ApnsAct::Refuse { status, reason, .. } => Some((*status, reason.clone())),
            _ => None,
        };
        self.state.lock().received.push(ApnsPush {
            connection: call.connection.number,
            device,
            push_type: call.text("apns-push-type"),
            topic: call.text("apns-topic"),
            priority: call.text("apns-priority"),
            expiration: call.text("apns-expiration"),
            collapse_id: call.text("apns-collapse-id"),
            token: call.header("authorization").map(|text| text.trim_start_matches("bearer ").to_owned()),
            certified: call.connection.certified,
            payload: serde_json::from_slice(&call.body).unwrap_or_default(),
            answer: answered,
        });
        perform(act, &call.connection).await
    }
}

impl Apple {
    fn check(&self, call: &Call) -> Result<ApnsAct, Refused> {
        let mut state = self.state.lock();
        let device = check::path(call)?;
        if !call.connection.certified {
            let first = state.keys.check(call, self.clock.seconds())?;
            if first {
                call.connection.splice.max_streams(STREAMS);
            }
        }
        check::headers(call, &state.topics)?;
        check::body(call)?;
        let act = state.scripts.get_mut(device).and_then(VecDeque::pop_front);
        Ok(act.unwrap_or(ApnsAct::Accept))
    }
}

async fn perform(act: ApnsAct, connection: &Connection) -> Answered {
    match act {
        ApnsAct::Accept => Ok(answer(200, &[("apns-id", &check::new_id())], None)),
        ApnsAct::Refuse { status, reason, timestamp, retry_after } => {
            let mut body = json!({"reason": reason});
            if let Some(timestamp) = timestamp {
                body["timestamp"] = timestamp.into();
            }
            let seconds = retry_after.map(|seconds| seconds.to_string());
            let headers: Vec<_> = seconds.iter().map(|seconds| ("retry-after", seconds.as_str())).collect();
            Ok(answer(status, &headers, Some(&body)))
        }
        ApnsAct::Reset => Err(Reset),
        ApnsAct::GoAway(reason) => {
            connection.splice.go_away(&reason);
            std::future::pending().await
        }
        ApnsAct::Cut => {
            connection.splice.cut();
            std::future::pending().await
        }
        ApnsAct::Stall => std::future::pending().await,
    }
}
