//! Listens on `data/admin.sock`, and turns a blocking writer into a response body.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

/// The bound socket; its file is removed when this is dropped.
pub(crate) struct AdminSocket {
    path: PathBuf,
}

impl AdminSocket {
    /// Binds the socket. The caller holds the store's lock, so a file that is there belongs to a server that was killed.
    pub(crate) fn bind(path: &Path) -> anyhow::Result<(Self, UnixListener)> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{}", path.display()));
            }
            _ => {}
        }
        // The socket is made under another name and moved once its mode is right, so that nobody else can ever open it.
        let fresh = path.with_extension("sock.new");
        let _ = std::fs::remove_file(&fresh);
        let listener = UnixListener::bind(&fresh).with_context(|| format!("{}", fresh.display()))?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&fresh, path)?;
        Ok((Self { path: path.to_owned() }, listener))
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // The next start removes what is left.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Bytes per chunk of the body.
const CHUNK: usize = 64 * 1024;

/// A blocking writer whose bytes become a response body; it waits while the reader is slow.
pub(super) struct ChannelWriter {
    chunk: Vec<u8>,
    chunks: mpsc::Sender<io::Result<Bytes>>,
}

impl ChannelWriter {
    pub(super) fn new() -> (Self, Body) {
        let (chunks, receiver) = mpsc::channel(4);
        let stream = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
        (Self { chunk: Vec::with_capacity(CHUNK), chunks }, Body::from_stream(stream))
    }

    /// Breaks the body off.
    pub(super) fn fail(&mut self, error: &dyn std::fmt::Display) {
        // The reader may be gone, which is what it is told anyway.
        let _ = self.chunks.blocking_send(Err(io::Error::other(error.to_string())));
    }

    fn send(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK)));
        self.chunks.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl io::Write for ChannelWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() { Ok(()) } else { self.send() }
    }
}
