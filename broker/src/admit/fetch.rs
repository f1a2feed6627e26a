//! A GET or POST over HTTPS, bounded in time and size. Plain HTTP only to loopback, where tests and side-cars are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Uri};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::AdmitError;

const BYTES: usize = 1024 * 1024;

/// Asks one URL.
pub(super) struct Fetch {
    url: Uri,
    time: Duration,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Fetch {
    /// Answers may take `time`; so many connections are kept for the next question.
    pub(super) fn new(
        url: &str,
        root_certificates: Option<&Path>,
        time: Duration,
        kept: usize,
    ) -> Result<Self, AdmitError> {
        let uri: Uri = url.parse().map_err(|error| AdmitError::new(url, format!("is not a URL: {error}")))?;
        let loopback = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if !(uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && loopback)) {
            return Err(AdmitError::new(url, "must begin with https:// (http:// only for this machine)"));
        }
        let tls = client_config(url, root_certificates)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(kept).build(connector);
        Ok(Self { url: uri, time, client })
    }

    /// The body, or what went wrong, for the log.
    pub(super) async fn get(&self) -> Result<Bytes, String> {
        self.ask(Method::GET, Bytes::new()).await
    }

    /// Sends JSON. The body of the answer, or what went wrong.
    pub(super) async fn post(&self, json: Bytes) -> Result<Bytes, String> {
        self.ask(Method::POST, json).await
    }

    async fn ask(&self, method: Method, body: Bytes) -> Result<Bytes, String> {
        let ask = async {
            let mut request = Request::builder().method(method).uri(self.url.clone());
            if !body.is_empty() {
                request = request.header(CONTENT_TYPE, "application/json");
            }
            let request = request.body(Full::from(body)).map_err(|error| error.to_string())?;
            let response = self.client.request(request).await.map_err(|error| with_causes(&error))?;
            if !response.status().is_success() {
                return Err(format!("answered {}", response.status()));
            }
            let body = Limited::new(response.into_body(), BYTES).collect().await.map_err(|error| error.to_string())?;
            Ok(body.to_bytes())
        };
        tokio::time::timeout(self.time, ask).await.unwrap_or_else(|_| Err(format!("no answer in {:?}", self.time)))
    }
}

fn client_config(url: &str, root_certificates: Option<&Path>) -> Result<ClientConfig, AdmitError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| AdmitError::new(url, error))?;
    let Some(path) = root_certificates else {
        let builder = builder
            .with_native_roots()
            .map_err(|error| AdmitError::new(url, format!("the system's root certificates cannot be read: {error}")))?;
        return Ok(builder.with_no_client_auth());
    };
    let fail = |reason: String| AdmitError::new(path.display(), reason);
    let pem = std::fs::read(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fail(format!("is not valid PEM: {error}")))?;
        roots.add(certificate).map_err(|error| fail(format!("holds an unusable certificate: {error}")))?;
    }
    if roots.is_empty() {
        return Err(fail("holds no certificate".into()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// hyper says "client error (Connect)"; the cause is what helps.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
