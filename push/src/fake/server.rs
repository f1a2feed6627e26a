//! An HTTP/2 server over TLS on a port of its own. It and its connections end when it is dropped.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use http_body_util::{BodyExt as _, Limited};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::call::{Answered, Call, Connection, Reset};
use super::splice::{Splice, Spliced};
use super::{Authority, FakeError};

/// Streams that a connection may have, as Apple has it; hyper's own limit is lower than what the fakes announce.
const STREAMS: u32 = 1000;

/// Bytes of a request's body.
const BODY: usize = 64 * 1024;

/// What a fake does with connections and requests.
pub(super) trait Serve: Send + Sync + 'static {
    /// A connection is open; nothing was read from it.
    fn opened(&self, _connection: &Connection) {}

    fn call(&self, call: Call) -> impl Future<Output = Answered> + Send;
}

/// A free port of this machine.
pub(super) const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running server.
pub(super) struct Server {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start<S: Serve>(
        authority: &Authority,
        names: &[String],
        listen: SocketAddr,
        serve: impl FnOnce(SocketAddr) -> Arc<S>,
    ) -> Result<Self, FakeError> {
        let acceptor = TlsAcceptor::from(Arc::new(authority.server(names)?));
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(accept(listener, acceptor, serve(address), Arc::clone(&connections)));
        Ok(Self { address, connections, task })
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `https://localhost:port`.
    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}", self.port())
    }

    /// TLS connections that were opened so far.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept<S: Serve>(listener: TcpListener, acceptor: TlsAcceptor, serve: Arc<S>, count: Arc<AtomicU64>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    open.spawn(connection(stream, acceptor.clone(), Arc::clone(&serve), Arc::clone(&count)));
                }
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn connection<S: Serve>(stream: TcpStream, acceptor: TlsAcceptor, serve: Arc<S>, count: Arc<AtomicU64>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let splice = Splice::default();
    let connection = Arc::new(Connection {
        number: count.fetch_add(1, SeqCst) + 1,
        splice: splice.clone(),
        certified: stream.get_ref().1.peer_certificates().is_some(),
        tied: parking_lot::Mutex::default(),
    });
    serve.opened(&connection);
    let service = service_fn(move |request| one(request, Arc::clone(&connection), Arc::clone(&serve)));
    let stream = TokioIo::new(Spliced::new(stream, splice));
    // How it ended is the client's to notice.
    let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    http2.max_concurrent_streams(STREAMS);
    let _ = http2.serve_connection(stream, service).await;
}

async fn one<S: Serve>(request: Request<Incoming>, connection: Arc<Connection>, serve: Arc<S>) -> Answered {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY).collect().await.map_err(|_| Reset)?.to_bytes();
    let path = head.uri.path().to_owned();
    serve.call(Call { method: head.method, path, headers: head.headers, body, connection }).await
}
