//! A request as the fakes see it, and what they may do with it.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HeaderName;
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde_json::Value;

use super::splice::Splice;

/// A request, whole.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) connection: Arc<Connection>,
}

/// The connection that it came by.
pub(super) struct Connection {
    /// 1, 2, 3 … per fake.
    pub(super) number: u64,
    pub(super) splice: Splice,
    /// Whether the client showed a certificate of the authority.
    pub(super) certified: bool,
    /// For the fake to note what it tied the connection to.
    pub(super) tied: parking_lot::Mutex<Option<String>>,
}

/// The stream is reset.
#[derive(Debug, thiserror::Error)]
#[error("reset")]
pub(super) struct Reset;

pub(super) type Answered = Result<Response<Full<Bytes>>, Reset>;

impl Call {
    /// A header's value, if it is there and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header's value, for a record.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.header(name).map(str::to_owned)
    }
}

/// An answer with JSON, or without a body.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: Option<&Value>) -> Response<Full<Bytes>> {
    let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
