//! A service of the operator's that decides who may connect. It is asked over HTTP, its answers are remembered for a while, and when
//! it has none nobody gets in.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use longwave_model::{ErrorCode, Refusal, UserId};
use longwave_port::{Credentials, Identity};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tracing::warn;

use super::AdmitError;
use super::fetch::Fetch;
use crate::stats::BrokerStats;

/// Answers that are remembered at most.
const REMEMBERED: usize = 100_000;

/// Where it is, and how it is asked.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// `https://…`, or `http://` on this machine.
    pub url: String,
    /// PEM with the certificates that may sign the URL's; `None` = those of the system.
    pub root_certificates: Option<PathBuf>,
    /// How long an answer may take, waiting for a turn included.
    pub answer: Duration,
    /// Questions at once.
    pub at_once: usize,
    /// How long a yes is remembered.
    pub yes: Duration,
    /// How long a no is.
    pub no: Duration,
}

/// What it is asked.
#[derive(Serialize)]
struct Question<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    /// Text; what is none is not sent, and therefore wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
}

/// What it answers. Unknown fields are for its own use.
#[derive(Deserialize)]
struct Reply {
    allow: bool,
    /// The user, when it is not the one that was named.
    user: Option<String>,
    #[serde(default)]
    service: bool,
    /// Unix time in milliseconds.
    expires_at: Option<u64>,
}

/// What was answered.
type Verdict = Result<Identity, Refusal>;

/// Asks the service.
pub struct HookAdmit {
    settings: HookSettings,
    fetch: Fetch,
    turns: Semaphore,
    remembered: Mutex<HashMap<u128, (Instant, Verdict)>>,
    /// Two keys of 64 bits: what is remembered tells nobody a password, also not by trying.
    keys: [RandomState; 2],
    stats: Arc<BrokerStats>,
}

impl HookAdmit {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// When the URL or the certificates cannot be used.
    pub fn new(settings: HookSettings, stats: Arc<BrokerStats>) -> Result<Self, AdmitError> {
        let at_once = settings.at_once.max(1);
        let fetch = Fetch::new(&settings.url, settings.root_certificates.as_deref(), settings.answer, at_once)?;
        Ok(Self {
            fetch,
            turns: Semaphore::new(at_once),
            remembered: Mutex::default(),
            keys: [RandomState::new(), RandomState::new()],
            settings,
            stats,
        })
    }

    /// Whether somebody may connect, by memory or by asking.
    ///
    /// # Errors
    /// A [`Refusal`]: bad-credentials when it says no, store-unavailable when it says nothing.
    pub(super) async fn admit(&self, credentials: Credentials) -> Result<Identity, Refusal> {
        let key = self.key(&credentials);
        if let Some((until, known)) = self.remembered.lock().get(&key)
            && *until > Instant::now()
        {
            return known.clone();
        }
        self.stats.hook_questions.add(1);
        let asked = tokio::time::timeout(self.settings.answer, self.ask(&credentials)).await;
        let reply = match asked.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(reply) => reply,
            Err(reason) => {
                self.stats.hook_errors.add(1);
                warn!(%reason, "the hook gives no answer; nobody gets in by it");
                return Err(Refusal::new(ErrorCode::StoreUnavailable, "who may connect cannot be asked just now"));
            }
        };
        let answer = identity(reply, &credentials);
        self.remember(key, &answer);
        answer
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Reply, String> {
        let _turn = self.turns.acquire().await.map_err(|error| error.to_string())?;
        let question = Question {
            user_name: credentials.user_name.as_deref(),
            password: credentials.password.as_ref().and_then(|password| std::str::from_utf8(password).ok()),
            client_id: &credentials.client_id,
            address: credentials.address,
        };
        let question = serde_json::to_vec(&question).map_err(|error| error.to_string())?;
        let reply = self.fetch.post(Bytes::from(question)).await?;
        serde_json::from_slice(&reply).map_err(|error| format!("its answer is not one: {error}"))
    }

    fn remember(&self, key: u128, answer: &Verdict) {
        let time = if answer.is_ok() { self.settings.yes } else { self.settings.no };
        if time.is_zero() {
            return;
        }
        let now = Instant::now();
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, (until, _)| *until > now);
        }
        if remembered.len() < REMEMBERED {
            remembered.insert(key, (now + time, answer.clone()));
        }
    }

    /// Another address is another question: the service may care.
    fn key(&self, credentials: &Credentials) -> u128 {
        let Credentials { user_name, password, client_id, certificate: _, address } = credentials;
        let asked = (user_name, password, client_id, address);
        let [one, two] = self.keys.each_ref().map(|key| u128::from(key.hash_one(asked)));
        one << 64 | two
    }
}

fn identity(reply: Reply, credentials: &Credentials) -> Result<Identity, Refusal> {
    let refused = || Refusal::new(ErrorCode::BadCredentials, "user name or password is wrong");
    let user =
        reply.user.as_deref().or(credentials.user_name.as_deref()).filter(|_| reply.allow).ok_or_else(refused)?;
    let user = UserId::parse(user).map_err(|_| refused())?;
    Ok(Identity { user, device: None, service: reply.service, expires_at: reply.expires_at })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    type Answering = fn(&str) -> Option<(u16, String)>;

    /// An HTTP service that answers every request with what this makes of its body; `None` = never.
    async fn service(answer: Answering) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/auth", listener.local_addr().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let counted = counted.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    // One request each: a whole one ends with the closing brace of its JSON.
                    while !request.ends_with(b"}") {
                        let mut some = [0; 4096];
                        match stream.read(&mut some).await {
                            Ok(n @ 1..) => request.extend_from_slice(&some[..n]),
                            _ => return,
                        }
                    }
                    counted.fetch_add(1, SeqCst);
                    let text = String::from_utf8(request).unwrap();
                    assert!(text.starts_with("POST /auth HTTP/1.1") && text.contains("application/json"), "{text}");
                    let (_, json) = text.split_once("\r\n\r\n").unwrap();
                    let Some((status, body)) = answer(json) else { return std::future::pending().await };
                    let head =
                        format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
                });
            }
        });
        (url, count)
    }

    fn hook(url: String, yes: u64) -> HookAdmit {
        let settings = HookSettings {
            url,
            root_certificates: None,
            answer: Duration::from_millis(500),
            at_once: 4,
            yes: Duration::from_secs(yes),
            no: Duration::ZERO,
        };
        HookAdmit::new(settings, Arc::default()).unwrap()
    }

    fn shows(user: &str, password: &str) -> Credentials {
        Credentials {
            user_name: Some(user.into()),
            password: Some(Bytes::copy_from_slice(password.as_bytes())),
            client_id: "phone".into(),
            certificate: None,
            address: Some("192.0.2.7".parse().unwrap()),
        }
    }

    #[tokio::test]
    async fn it_says_who_gets_in_and_as_whom() {
        let (url, _) = service(|json| {
            let question: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!((&question["client_id"], &question["address"]), (&"phone".into(), &"192.0.2.7".into()));
            let reply = match (question["user_name"].as_str()?, question["password"].as_str()?) {
                ("alice", "right") => r#"{"allow": true, "note": "unknown fields do not matter"}"#,
                ("door", "right") => r#"{"allow": true, "user": "device-7", "service": true, "expires_at": 99}"#,
                ("bad name", _) => r#"{"allow": true}"#,
                _ => r#"{"allow": false}"#,
            };
            Some((200, reply.to_owned()))
        })
        .await;
        let hook = hook(url, 0);
        let alice = hook.admit(shows("alice", "right")).await.unwrap();
        assert_eq!((alice.user.as_str(), alice.service, alice.expires_at), ("alice", false, None));
        let door = hook.admit(shows("door", "right")).await.unwrap();
        assert_eq!((door.user.as_str(), door.service, door.expires_at), ("device-7", true, Some(99)));
        for (user, password) in [("alice", "wrong"), ("bad name", "right")] {
            let refusal = hook.admit(shows(user, password)).await.unwrap_err();
            assert_eq!(refusal.code, ErrorCode::BadCredentials, "{user}");
        }
    }

    #[tokio::test]
    async fn a_yes_is_remembered_for_exactly_what_was_asked() {
        let (url, count) = service(|_| Some((200, r#"{"allow": true}"#.to_owned()))).await;
        let hook = hook(url, 60);
        for _ in 0..5 {
            hook.admit(shows("alice", "right")).await.unwrap();
        }
        assert_eq!(count.load(SeqCst), 1);
        hook.admit(shows("alice", "other")).await.unwrap();
        hook.admit(Credentials { address: None, ..shows("alice", "right") }).await.unwrap();
        hook.admit(Credentials { client_id: "tablet".into(), ..shows("alice", "right") }).await.unwrap();
        assert_eq!(count.load(SeqCst), 4);
        assert_eq!(hook.stats.hook_questions.get(), 4);
    }

    #[tokio::test]
    async fn without_an_answer_nobody_gets_in() {
        let answers: [Answering; 4] = [
            |_| None,
            |_| Some((500, r#"{"allow": true}"#.to_owned())),
            |_| Some((200, "yes".to_owned())),
            |_| Some((200, r#"{"allowed": true}"#.to_owned())),
        ];
        for answer in answers {
            let (url, _) = service(answer).await;
            let hook = hook(url, 60);
            let refusal = hook.admit(shows("alice", "right")).await.unwrap_err();
            assert_eq!(refusal.code, ErrorCode::StoreUnavailable);
            assert_eq!(hook.stats.hook_errors.get(), 1);
        }
        let gone = hook("http://127.0.0.1:1/auth".into(), 60);
        assert_eq!(gone.admit(shows("alice", "right")).await.unwrap_err().code, ErrorCode::StoreUnavailable);
        let settings = HookSettings { url: "http://example.org/".into(), ..gone.settings };
        assert!(HookAdmit::new(settings, Arc::default()).is_err(), "passwords travel by https only");
    }
}
