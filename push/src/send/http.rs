//! The one HTTP client under all providers: POSTs a small body, reads a small answer, within a time.
//!
//! hyper's pool keeps one HTTP/2 connection per host, so several connections are several pools, taken in turn. Redirects are not
//! followed: nothing here would.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

use super::Reason;
use super::connector::{Connector, NOT_PUBLIC, Reach};
use super::transport::Transport;

/// Bytes of an answer that are read; providers' answers are a few hundred.
const ANSWER: usize = 16 * 1024;

/// Which versions of HTTP may be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    /// HTTP/2 alone, as APNs does.
    Two,
    /// What TLS agrees on.
    Any,
}

/// An answer. The body is empty if it was too long or broke off: the status is what counts.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The connector refused: see [`Reach::PublicOnly`].
    NotPublic,
    /// Anything that may pass.
    Away(Reason),
}

/// A bounded number of connections per host.
#[derive(Debug)]
pub(crate) struct Http {
    pools: Vec<Client<HttpsConnector<Connector>, Full<Bytes>>>,
    next: AtomicUsize,
    time: Duration,
}

impl Http {
    pub(crate) fn new(transport: &Transport, tls: &ClientConfig, versions: Versions, reach: Reach) -> Self {
        let connector = Connector { reach, hosts: transport.hosts.clone().into(), time: transport.connect_time };
        let pool = || {
            let https = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_only();
            let https = match versions {
                Versions::Two => https.enable_http2().wrap_connector(connector.clone()),
                Versions::Any => https.enable_all_versions().wrap_connector(connector.clone()),
            };
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(90))
                .pool_max_idle_per_host(4)
                .http2_only(versions == Versions::Two)
                // Until the server has said how many it takes: Apple refuses all but one at first, and each would count as a failure.
                .http2_initial_max_send_streams(1)
                .http2_keep_alive_interval(transport.keep_alive)
                .http2_keep_alive_timeout(transport.keep_alive)
                .http2_keep_alive_while_idle(versions == Versions::Two)
                .build(https)
        };
        let pools = (0..transport.connections.max(1)).map(|_| pool()).collect();
        Self { pools, next: AtomicUsize::new(0), time: transport.request_time }
    }

    /// Sends one request.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let pool = &self.pools[self.next.fetch_add(1, Relaxed) % self.pools.len()];
        let end = Instant::now() + self.time;
        let answer = timeout_at(end, pool.request(request)).await;
        let answer = answer.map_err(|_| NoAnswer::Away(Reason::new("no answer in time")))?;
        let (head, body) = answer.map_err(|error| of_error(&error))?.into_parts();
        // A body that does not end takes nothing back of the status: sending again would push twice.
        let body = match timeout_at(end, Limited::new(body, ANSWER).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) | Err(_) => Bytes::new(),
        };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

/// hyper says "client error (SendRequest)"; the causes are what helps, and among them a GOAWAY's reason.
fn of_error(error: &(dyn std::error::Error + 'static)) -> NoAnswer {
    let mut text = String::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let this = error.to_string();
        if this == NOT_PUBLIC {
            return NoAnswer::NotPublic;
        }
        if !text.contains(&this) {
            text = if text.is_empty() { this } else { format!("{text}: {this}") };
        }
        cause = error.source();
    }
    match goaway_reason(&text) {
        Some(reason) => NoAnswer::Away(Reason::foreign(&format!("GOAWAY {reason}"))),
        None => NoAnswer::Away(Reason::causes(&text)),
    }
}

/// Apple ends connections with `{"reason": "…"}` as debug data, which h2 shows in its error.
fn goaway_reason(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(r#"\"reason\""#)?;
    let rest = rest.trim_start_matches([':', ' ', '\\', '"']);
    rest.split(['\\', '"']).next().filter(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_goaway_is_found() {
        let text =
            r#"client error: connection error received: not a result of an error (b"{\"reason\":\"Shutdown\"}")"#;
        assert_eq!(goaway_reason(text), Some("Shutdown"));
        assert_eq!(goaway_reason("connection closed"), None);
    }
}
