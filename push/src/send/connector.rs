//! Opens TCP connections: looks a name up, checks each address, and connects to exactly one that was checked.
//!
//! Checking and connecting are one step, so a name that answers differently the second time (DNS rebinding) gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tower_service::Service;

use super::address::is_public;
use super::transport::Hosts;

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The operator chose the host.
    Anywhere,
    /// A stranger chose it.
    PublicOnly,
}

/// The text of the error for an endpoint whose every address is forbidden.
pub(crate) const NOT_PUBLIC: &str = "the address is not public";

/// Opens TCP connections for hyper.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) reach: Reach,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) time: Duration,
}

impl Connector {
    async fn connect(self, uri: Uri) -> io::Result<TokioIo<TcpStream>> {
        let host = uri.host().ok_or_else(|| io::Error::other("no host"))?;
        let port = uri.port_u16().unwrap_or(443);
        let mut last = io::Error::other("the name has no address");
        for address in self.resolve(host, port).await? {
            if self.reach == Reach::PublicOnly && !is_public(address.ip()) {
                last = io::Error::new(io::ErrorKind::PermissionDenied, NOT_PUBLIC);
                continue;
            }
            match tokio::time::timeout(self.time, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true)?;
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let addresses = match (self.hosts.get(host), literal) {
            (Some(fixed), _) => fixed.iter().map(|address| SocketAddr::new(*address, port)).collect(),
            (None, Ok(address)) => vec![SocketAddr::new(address, port)],
            (None, Err(_)) => lookup_host((host, port)).await?.collect(),
        };
        Ok(addresses)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(uri: &str, hosts: Hosts) -> io::ErrorKind {
        let connector = Connector { reach: Reach::PublicOnly, hosts: Arc::new(hosts), time: Duration::from_secs(1) };
        connector.connect(uri.parse().unwrap()).await.unwrap_err().kind()
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_before_connecting() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hosts = Hosts::from([("push.example".to_owned(), vec!["127.0.0.1".parse().unwrap()])]);
        let denied = io::ErrorKind::PermissionDenied;
        assert_eq!(refused(&format!("https://push.example:{port}/x"), hosts.clone()).await, denied);
        assert_eq!(refused(&format!("https://127.0.0.1:{port}/x"), Hosts::new()).await, denied);
        assert_eq!(refused(&format!("https://[::1]:{port}/x"), Hosts::new()).await, denied);
        assert_eq!(refused("https://169.254.169.254/latest", Hosts::new()).await, denied);
        let open = Connector { reach: Reach::Anywhere, hosts: Arc::new(hosts), time: Duration::from_secs(1) };
        assert!(open.connect(format!("https://push.example:{port}/x").parse().unwrap()).await.is_ok());
    }
}
