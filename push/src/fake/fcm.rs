//! Google as a server: the OAuth token endpoint and `messages:send`, with errors in Google's JSON.

mod error;
mod grant;
mod message;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::call::{Answered, Call, Reset, answer};
use super::server::{ANY_PORT, Serve, Server};
use super::{Authority, FakeError};
use crate::send::Clock;
use error::Problem;
pub use grant::GrantAct;
use grant::Grants;

/// What to do with one message, after it passed all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FcmAct {
    /// 200.
    Accept,
    /// An error with an `FcmError` in its details.
    Refuse {
        /// HTTP status.
        status: u16,
        /// `errorCode`.
        code: String,
        /// The header `retry-after`, in seconds.
        retry_after: Option<u64>,
    },
    /// An error as Google's front end makes it, without details.
    Bare {
        /// HTTP status.
        status: u16,
        /// `error.status`.
        word: String,
    },
    /// No answer, ever.
    Stall,
    /// RST_STREAM.
    Reset,
    /// GOAWAY; the connection closes.
    GoAway,
}

impl FcmAct {
    /// An error without `retry-after`.
    #[must_use]
    pub fn refuse(status: u16, code: &str) -> Self {
        Self::Refuse { status, code: code.to_owned(), retry_after: None }
    }
}

/// A message as it came, with what it was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct FcmPush {
    /// `token` or `fid`.
    pub device: String,
    /// The field `message`.
    pub message: Value,
    /// 200, or the status of the refusal; `None` = no answer.
    pub status: Option<u16>,
    /// `errorCode`, else `error.status`; empty with 200.
    pub code: String,
}

/// A running fake.
pub struct FakeFcm {
    server: Server,
    google: Arc<Google>,
}

struct Google {
    project: String,
    clock: Clock,
    grants: Mutex<Grants>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    scripts: HashMap<String, VecDeque<FcmAct>>,
    received: Vec<FcmPush>,
    /// Messages that may still come in the current minute.
    quota: Option<u64>,
}

impl FakeFcm {
    /// Starts one on a free port of 127.0.0.1, with one project and one service account.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start(authority: &Authority, project: &str, clock: Clock) -> Result<Self, FakeError> {
        Self::start_at(ANY_PORT, authority, project, clock).await
    }

    /// Starts one at an address; its certificate is for `localhost` and `127.0.0.1`.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start_at(
        listen: SocketAddr,
        authority: &Authority,
        project: &str,
        clock: Clock,
    ) -> Result<Self, FakeError> {
        let mut grants = Grants::new(&format!("sender@{project}.example"))?;
        let mut made = None;
        let server = Server::start(authority, &[], listen, |address| {
            grants.token_uri = format!("https://localhost:{}/token", address.port());
            let google =
                Google { project: project.to_owned(), clock, grants: Mutex::new(grants), state: Mutex::default() };
            Arc::clone(made.insert(Arc::new(google)))
        })
        .await?;
        let google = made.ok_or(FakeError::Key)?;
        Ok(Self { server, google })
    }

    /// Base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The service account's JSON file; holds a private key.
    #[must_use]
    pub fn service_account(&self) -> String {
        self.google.grants.lock().file(&self.google.project)
    }

    /// What to do with the next messages for a device, one after the other; then they are accepted again.
    pub fn script(&self, device: &str, acts: impl IntoIterator<Item = FcmAct>) {
        self.google.state.lock().scripts.entry(device.to_owned()).or_default().extend(acts);
    }

    /// What to do with the next requests for an access token.
    pub fn script_grants(&self, acts: impl IntoIterator<Item = GrantAct>) {
        self.google.grants.lock().script.extend(acts);
    }

    /// Ends all access tokens now, whatever was said of their lives.
    pub fn end_tokens(&self) {
        self.google.grants.lock().tokens.clear();
    }

    /// From now on takes this many messages; the next ones are over the quota. `None` = no limit.
    pub fn set_quota(&self, messages: Option<u64>) {
        self.google.state.lock().quota = messages;
    }

    /// All messages so far that came with a good access token.
    #[must_use]
    pub fn received(&self) -> Vec<FcmPush> {
        self.google.state.lock().received.clone()
    }

    /// Requests for an access token so far, refused ones included.
    #[must_use]
    pub fn grants(&self) -> u64 {
        self.google.grants.lock().asked
    }

    /// TLS connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }
}

impl Serve for Google {
    async fn call(&self, call: Call) -> Answered {
        if call.path == "/token" {
            return grant::perform(&self.grants, &call, &self.clock).await;
        }
        if call.path != format!("/v1/projects/{}/messages:send", self.project) {
            return Ok(Problem::bare(404, "NOT_FOUND").answer());
        }
        let bearer = call.header("authorization").and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
        if !self.grants.lock().is_good(bearer, self.clock.millis()) {
            return Ok(Problem::bare(401, "UNAUTHENTICATED").answer());
        }
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let message = &body["message"];
        let device = ["token", "fid"].iter().find_map(|name| message[name].as_str()).unwrap_or_default().to_owned();
        let act = match message::check(&body) {
            Err(problem) => Err(problem),
            Ok(()) => Ok(self.act(&device)),
        };
        self.perform(act, device, message, &call).await
    }
}

impl Google {
    fn act(&self, device: &str) -> FcmAct {
        let mut state = self.state.lock();
        if let Some(left) = state.quota {
            let Some(left) = left.checked_sub(1) else {
                return FcmAct::Refuse { status: 429, code: "QUOTA_EXCEEDED".into(), retry_after: Some(1) };
            };
            state.quota = Some(left);
        }
        state.scripts.get_mut(device).and_then(VecDeque::pop_front).unwrap_or(FcmAct::Accept)
    }

    async fn perform(&self, act: Result<FcmAct, Problem>, device: String, message: &Value, call: &Call) -> Answered {
        let problem = match &act {
            Err(problem) => Some(problem.clone()),
            Ok(FcmAct::Refuse { status, code, retry_after }) => Some(Problem::of_code(*status, code, *retry_after)),
            Ok(FcmAct::Bare { status, word }) => Some(Problem::bare(*status, word)),
            Ok(_) => None,
        };
        let status = match (&act, &problem) {
            (_, Some(problem)) => Some(problem.status),
            (Ok(FcmAct::Accept), None) => Some(200),
            _ => None,
        };
        let code = problem.as_ref().map(|problem| problem.code.clone()).unwrap_or_default();
        self.state.lock().received.push(FcmPush { device, message: message.clone(), status, code });
        match (act, problem) {
            (_, Some(problem)) => Ok(problem.answer()),
            (Ok(FcmAct::Reset), _) => Err(Reset),
            (Ok(FcmAct::Accept), _) => {
                let name = format!("projects/{}/messages/0:{:016x}", self.project, rand::random::<u64>());
                Ok(answer(200, &[("content-type", "application/json")], Some(&json!({"name": name}))))
            }
            (Ok(FcmAct::GoAway), _) => {
                call.connection.splice.go_away("");
                std::future::pending().await
            }
            _ => std::future::pending().await,
        }
    }
}
