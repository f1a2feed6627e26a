//! The client of `data/admin.sock`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// A connection to the running server.
pub(crate) struct Control {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
}

/// The socket of the server that uses this data directory.
pub(crate) fn socket_path(data: &Path) -> PathBuf {
    data.join("admin.sock")
}

impl Control {
    /// Connects; `None` when no server runs on this data directory.
    pub(crate) async fn connect(data: &Path) -> anyhow::Result<Option<Self>> {
        let path = socket_path(data);
        let stream = match UnixStream::connect(&path).await {
            Ok(stream) => stream,
            Err(error) if is_nobody_there(&error) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{}", path.display())),
        };
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Some(Self { sender }))
    }

    /// Sends a request and returns the response when it succeeded.
    pub(crate) async fn request(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Response<Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "admin.sock")
            .header("content-type", "application/json")
            .body(Full::from(body))?;
        let response = self.sender.send_request(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.into_body().collect().await?.to_bytes();
        bail!("the server answered {status}: {}", String::from_utf8_lossy(&text).trim());
    }

    /// Sends a request and returns the whole body.
    pub(crate) async fn text(&mut self, method: Method, path: &str, body: Vec<u8>) -> anyhow::Result<String> {
        let response = self.request(method, path, body).await?;
        let bytes = response.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn is_nobody_there(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused)
}
